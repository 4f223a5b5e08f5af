//! Circles around points: coarse cells to find them by, and the exact distance.

/// The mean radius of the earth in kilometres (IUGG).
const EARTH_KM: f64 = 6_371.008_8;
/// Widest circle, in kilometres: beyond it countries and regions say it better.
pub const RADIUS_KM_MAX: f64 = 500.0;
/// Sides of cells in degrees; a circle uses the finest level of which it covers few.
pub const CELL_DEGREES: [f64; 3] = [0.1, 1.0, 10.0];
/// The widest circle of each level, in kilometres.
const LEVEL_KM_MAX: [f64; 3] = [5.0, 50.0, RADIUS_KM_MAX];

/// A point on the earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// North is positive; -90 to 90.
    pub latitude: f64,
    /// East is positive; -180 to 180.
    pub longitude: f64,
}

impl Point {
    /// A point, unless outside the earth or exactly at 0, 0, which is how unknown places are sent.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        let null_island = latitude == 0.0 && longitude == 0.0;
        (on_earth && !null_island).then_some(Self {
            latitude,
            longitude,
        })
    }

    /// The great circle's length to another point, in kilometres (haversine).
    pub fn distance_km(self, other: Self) -> f64 {
        let half = |a: f64, b: f64| ((a - b).to_radians() / 2.0).sin().powi(2);
        let across = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let chord =
            half(self.latitude, other.latitude) + across * half(self.longitude, other.longitude);
        2.0 * EARTH_KM * chord.min(1.0).sqrt().asin()
    }

    /// Its cell of a level.
    pub fn cell(self, level: usize) -> u64 {
        let Some(degrees) = CELL_DEGREES.get(level) else {
            return 0;
        };
        let row = ((self.latitude + 90.0) / degrees) as u64;
        let column = ((self.longitude + 180.0) / degrees) as u64 % columns(*degrees);
        number(level, row, column)
    }
}

fn columns(degrees: f64) -> u64 {
    (360.0 / degrees).round() as u64
}

fn number(level: usize, row: u64, column: u64) -> u64 {
    ((level as u64) << 48) | (row << 24) | column
}

/// All points within a distance of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// The middle.
    pub middle: Point,
    /// The distance in kilometres.
    pub radius_km: f64,
}

impl Circle {
    /// Reads `LATITUDE LONGITUDE KILOMETRES`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ').map(|part| part.parse::<f64>().ok());
        let (latitude, longitude, radius_km) = (parts.next()??, parts.next()??, parts.next()??);
        let sound = parts.next().is_none() && radius_km > 0.0 && radius_km <= RADIUS_KM_MAX;
        let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        (sound && on_earth).then_some(Self {
            middle: Point {
                latitude,
                longitude,
            },
            radius_km,
        })
    }

    /// Whether a point lies in it.
    pub fn covers(&self, point: Point) -> bool {
        self.middle.distance_km(point) <= self.radius_km
    }

    /// Its level of cells.
    pub fn level(&self) -> usize {
        let fits = |most: &f64| self.radius_km <= *most;
        LEVEL_KM_MAX.iter().position(fits).unwrap_or(2)
    }

    /// Calls `emit` with every cell that it may touch.
    pub fn cells(&self, mut emit: impl FnMut(u64)) {
        let level = self.level();
        let Some(degrees) = CELL_DEGREES.get(level).copied() else {
            return;
        };
        // A little wider, against rounding.
        let angle = self.radius_km / EARTH_KM * 1.001;
        let (south, north) = (
            self.middle.latitude - angle.to_degrees(),
            self.middle.latitude + angle.to_degrees(),
        );
        let row = |latitude: f64| ((latitude.clamp(-90.0, 90.0) + 90.0) / degrees) as u64;
        let round = columns(degrees) as i64;
        let (first, count) = if south <= -90.0 || north >= 90.0 {
            (0, round)
        } else {
            let wide = (angle.sin() / self.middle.latitude.to_radians().cos()).min(1.0);
            let wide = wide.asin().to_degrees();
            let column = |longitude: f64| ((longitude + 180.0) / degrees).floor() as i64;
            let first = column(self.middle.longitude - wide);
            let last = column(self.middle.longitude + wide);
            (first, (last - first + 1).min(round))
        };
        for row in row(south)..=row(north) {
            for column in first..first + count {
                emit(number(level, row, column.rem_euclid(round) as u64));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    #[test]
    fn distances_are_those_of_the_globe() {
        let munich = Point::new(48.137, 11.575).unwrap();
        let berlin = Point::new(52.52, 13.405).unwrap();
        assert!((munich.distance_km(berlin) - 504.0).abs() < 2.0);
        assert_eq!(Point::new(0.0, 0.0), None);
        assert_eq!(Point::new(91.0, 0.0), None);
    }

    #[test]
    fn every_point_of_a_circle_lies_in_one_of_its_cells() {
        let mut rng = SplitMix64::new(7);
        for _ in 0..3_000 {
            let circle = Circle {
                middle: Point {
                    latitude: rng.unit() * 180.0 - 90.0,
                    longitude: rng.unit() * 360.0 - 180.0,
                },
                radius_km: 0.1 + rng.unit().powi(3) * 499.0,
            };
            let mut cells = Vec::new();
            circle.cells(|cell| cells.push(cell));
            let spread = circle.radius_km / 111.0 * 1.2;
            for _ in 0..30 {
                let narrow = circle.middle.latitude.to_radians().cos().max(0.01);
                let latitude = circle.middle.latitude + (rng.unit() - 0.5) * 2.0 * spread;
                let longitude =
                    circle.middle.longitude + (rng.unit() - 0.5) * 2.0 * spread / narrow;
                let longitude = (longitude + 540.0).rem_euclid(360.0) - 180.0;
                let Some(point) = Point::new(latitude, longitude) else {
                    continue;
                };
                if circle.covers(point) {
                    let cell = point.cell(circle.level());
                    assert!(cells.contains(&cell), "{circle:?} {point:?}");
                }
            }
        }
    }
}
