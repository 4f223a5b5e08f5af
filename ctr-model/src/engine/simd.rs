//! Kernels: the few loops that matter, compiled twice, for any processor and for AVX2.
//!
//! Each kernel is plain Rust over lanes of eight with an explicit order of additions, so both builds give
//! the same bits: nothing is fused or reordered, and a model does not depend on the machine it learned on.

/// Numbers handled at once.
pub(crate) const LANES: usize = 8;
/// Numbers handled at once in long sums.
const LONG: usize = 4 * LANES;

/// A computation that is worth compiling for wider registers.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;
    /// Runs it; must be `#[inline(always)]`, so that it is compiled with its caller's instructions.
    fn run(self) -> Self::Output;
}

/// Which build of the kernels runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Any processor.
    Portable,
    /// AVX2, where the processor has it.
    Avx2,
}

impl Level {
    /// The best this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Portable
    }

    /// Runs a kernel at this level, or at the portable one where the processor does not have it.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Avx2 && std::arch::is_x86_feature_detected!("avx2") {
            #[expect(
                unsafe_code,
                reason = "the processor was just asked for AVX2, which is all that `avx2` requires"
            )]
            return unsafe { avx2(kernel) };
        }
        kernel.run()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Asks for a cache line ahead of its use; has no other effect.
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    prefetch_line(std::ptr::from_ref(place).cast());
}

#[inline(always)]
fn prefetch_line(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(
            unsafe_code,
            reason = "a hint: it reads nothing, and SSE is part of every x86-64"
        )]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(place.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// As `prefetch`, for each cache line that a value begins or fills.
#[inline(always)]
pub fn prefetch_whole<T>(place: &T) {
    let start = std::ptr::from_ref(place).cast::<u8>();
    for offset in (0..size_of::<T>()).step_by(LINE_BYTES) {
        prefetch_line(start.wrapping_add(offset));
    }
}

/// The sum of products. Long ones keep four groups of running sums, so that no addition waits for the one
/// before; all are added pairwise at the end.
#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (long_lefts, left) = left.as_chunks::<LONG>();
    let (long_rights, right) = right.as_chunks::<LONG>();
    let mut long = [[0.0_f32; LANES]; LONG / LANES];
    for (left, right) in long_lefts.iter().zip(long_rights) {
        let (lefts, _) = left.as_chunks::<LANES>();
        let (rights, _) = right.as_chunks::<LANES>();
        for (sums, (left, right)) in long.iter_mut().zip(lefts.iter().zip(rights)) {
            *sums = added(sums, left, right);
        }
    }
    let mut sums = long[0];
    let (lefts, left_rest) = left.as_chunks::<LANES>();
    let (rights, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in lefts.iter().zip(rights) {
        sums = added(&sums, left, right);
    }
    long[0] = sums;
    let rest = left_rest.iter().zip(right_rest);
    rest.fold(total(&{ long }), |sum, (left, right)| sum + left * right)
}

#[inline(always)]
fn added(sums: &[f32; LANES], left: &[f32; LANES], right: &[f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|lane| sums[lane] + left[lane] * right[lane])
}

/// Adds all lanes, halves onto halves. Kept apart: seen together with the loop before it, compilers narrow
/// that loop to fit this end.
#[inline(never)]
fn total(sums: &[[f32; LANES]; LONG / LANES]) -> f32 {
    let eight: [f32; LANES] = std::array::from_fn(|lane| {
        (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane])
    });
    let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
