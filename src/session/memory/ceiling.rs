//! What becomes of a session that holds more than one may. Pure.

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// It holds no more than it may.
    None,
    /// A new browser as soon as nothing is due.
    WhenIdle,
    /// A new browser at once.
    AtOnce,
}

/// How far above the ceiling a session is that holds so much.
pub(super) fn excess(private_bytes: u64, ceiling_bytes: u64) -> Excess {
    if private_bytes > ceiling_bytes.saturating_mul(2) {
        Excess::AtOnce
    } else if private_bytes > ceiling_bytes {
        Excess::WhenIdle
    } else {
        Excess::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_ceiling_is_the_end_of_patience() {
        let of = |bytes| excess(bytes, 600);
        assert_eq!(
            [of(600), of(601), of(1_200), of(1_201)],
            [Excess::None, Excess::WhenIdle, Excess::WhenIdle, Excess::AtOnce,]
        );
    }
}
