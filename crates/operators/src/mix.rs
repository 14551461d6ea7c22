//! Bits that depend on all bits of a number.

/// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): a bijection
/// of 64 bits whose every bit of the result depends on each of `x`.
pub fn mixed(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The odd number by which a generator of SplitMix64 steps.
pub const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
