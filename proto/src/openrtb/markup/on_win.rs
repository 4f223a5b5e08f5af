//! Markup that the win notice fetches: what the bid leaves to write it from, and the writing later.

use domain::{BidId, CampaignId, Creative, CreativeFormat, LineItemId};

use super::native::{EVENT_IMPRESSION, EVENT_VIEW, METHOD_IMAGE, Part, parts, tracked};
use super::{Compiler, Fill, Filled, Macro, NativeMismatch, Out, Shape, VastVersion};
use crate::event::{BidRef, EncodedRef, NativePart, Rendering};
use crate::fields::{bytes, number, signed};
use crate::openrtb::native::{EventTracker, NativeAsset, NativeRequest};

/// A bid's cachebuster: half of its id, shuffled. No other bid has it, and it tells nothing.
pub fn cachebuster(id: BidId) -> u64 {
    let half = id.0.first_chunk().copied().unwrap_or_default();
    domain::random::mix(u64::from_le_bytes(half)) >> 11 // scripts read 53 bits exactly
}

impl Filled<'_> {
    /// Appends the fields of a [`Rendering`] of this ad, with device, household and advertiser of the bid.
    pub fn write_rendering(&self, out: &mut Vec<u8>, reference: &EncodedRef) {
        let fill = self.fill;
        let has = |name| self.markup.own.iter().any(|own| own.has(name));
        let text = |out: &mut Vec<u8>, field, name, text: &str| {
            if has(name) {
                bytes(out, field, text.as_bytes());
            }
        };
        text(out, 1, Macro::AuctionId, fill.auction_id);
        text(out, 2, Macro::Site, fill.site);
        text(out, 3, Macro::AppBundle, fill.app_bundle);
        number(out, 4, fill.gdpr.is_some().into());
        number(out, 5, fill.gdpr.unwrap_or_default().into());
        text(out, 6, Macro::GdprConsent, fill.gdpr_consent);
        text(out, 7, Macro::UsPrivacy, fill.us_privacy);
        text(out, 8, Macro::Gpp, fill.gpp);
        if has(Macro::GppSid) {
            let sections = fill.gpp_sid.iter();
            sections.for_each(|section| prost::encoding::int32::encode(9, section, out));
        }
        text(out, 10, Macro::DeviceId, fill.device_id);
        number(out, 11, fill.size.0.into());
        number(out, 12, fill.size.1.into());
        self.write_shape(out);
        reference.write_people(out);
    }

    fn write_shape(&self, out: &mut Vec<u8>) {
        match (self.shape, &self.creative.format) {
            (Shape::Banner { script }, _) => number(out, 13, script.into()),
            (Shape::Media { version, files }, _) => {
                number(out, 14, version as u64);
                number(out, 15, files.into());
            }
            (Shape::Native(request), CreativeFormat::Native(assets)) => {
                bytes(out, 16, request.version.as_bytes());
                for (id, part) in parts(request, assets) {
                    crate::fields::message(out, 17, |out| {
                        signed(out, 1, id);
                        number(out, 2, part.code().into());
                    });
                }
                let (impressions, views) = tracked(request);
                number(out, 18, impressions.into());
                number(out, 19, views.into());
            }
            (Shape::Native(_), _) => {}
        }
    }
}

/// A bid whose markup is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Won<'a> {
    /// The bid.
    pub reference: &'a BidRef,
    /// What it left.
    pub rendering: &'a Rendering,
    /// The sealed click token.
    pub click_token: &'a str,
    /// The sealed token of impressions, views and playback.
    pub event_token: &'a str,
}

impl Won<'_> {
    /// Appends the markup as the bid would have had it; `pixel` is the address of the pixel without a slash at its end.
    ///
    /// # Errors
    /// [`NativeMismatch`] where the creative has another format by now, or nothing left of what was asked for.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        creative: &Creative,
        pixel: &str,
    ) -> Result<(), NativeMismatch> {
        let rendering = self.rendering;
        let assets: Vec<_> = rendering.native_parts.iter().filter_map(asset).collect();
        let tracked = [
            (rendering.native_impressions, EVENT_IMPRESSION),
            (rendering.native_views, EVENT_VIEW),
        ];
        let trackers: Vec<_> = tracked
            .into_iter()
            .filter(|(is_told, _)| *is_told)
            .map(|(_, event)| EventTracker {
                event,
                methods: &[METHOD_IMAGE],
            })
            .collect();
        let mut layout = NativeRequest {
            assets: &assets,
            eventtrackers: &trackers,
            ..NativeRequest::default()
        };
        layout.follow(Some(&rendering.native_version), false);
        let filled = Filled {
            markup: &Compiler::new(pixel).compile(creative),
            creative,
            shape: self.shape(creative, &layout)?,
            fill: &self.fill(),
        };
        filled.write(&mut Out::plain(out))
    }

    fn shape<'b>(
        &self,
        creative: &Creative,
        layout: &'b NativeRequest<'b>,
    ) -> Result<Shape<'b>, NativeMismatch> {
        let rendering = self.rendering;
        Ok(match creative.format {
            CreativeFormat::Banner { .. } => Shape::Banner {
                script: rendering.script,
            },
            CreativeFormat::Video(_) | CreativeFormat::Audio(_) => {
                let version = VastVersion::ALL.get(rendering.vast as usize);
                Shape::Media {
                    version: *version.ok_or(NativeMismatch::Nothing)?,
                    files: rendering.files,
                }
            }
            CreativeFormat::Native(_) => Shape::Native(layout),
        })
    }

    fn fill(&self) -> Fill<'_> {
        let (rendering, reference) = (self.rendering, self.reference);
        Fill {
            click_token: self.click_token,
            event_token: self.event_token,
            cachebuster: cachebuster(reference.id()),
            auction_id: &rendering.auction_id,
            campaign: CampaignId(reference.campaign),
            line_item: LineItemId(reference.line_item),
            exchange: &reference.exchange,
            site: &rendering.site,
            app_bundle: &rendering.app_bundle,
            gdpr: rendering.gdpr_known.then_some(rendering.gdpr),
            gdpr_consent: &rendering.gdpr_consent,
            us_privacy: &rendering.us_privacy,
            gpp: &rendering.gpp,
            gpp_sid: &rendering.gpp_sid,
            device_id: &rendering.device_id,
            size: (rendering.width, rendering.height),
        }
    }
}

/// What asks for the part again, without the limits that it has met already.
fn asset(part: &NativePart) -> Option<NativeAsset<'static>> {
    Some(NativeAsset {
        id: part.id,
        required: false,
        kind: Part::asked(part.part)?,
    })
}

/// The content type of a creative's markup.
pub fn content_type(format: &CreativeFormat) -> &'static str {
    match format {
        CreativeFormat::Banner { .. } => "text/html; charset=utf-8",
        CreativeFormat::Video(_) | CreativeFormat::Audio(_) => "application/xml; charset=utf-8",
        CreativeFormat::Native(_) => "application/json",
    }
}
