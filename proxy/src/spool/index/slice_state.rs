//! What became of each slice of a segment, a byte each.

/// What became of a slice. These are all the combinations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum SliceState {
    /// On the disk, and nobody has it.
    Waiting,
    /// Delivery has it, or whoever chose it.
    HandedOut,
    /// Handed out, and the disk cannot give it again. It is charged no longer, and lost if it comes back.
    HandedOutUnreadable,
    /// Delivered, or set aside for good.
    Settled,
    /// Needs no work here because its copy at another place counts.
    Moved,
    /// Its frame is no more and nobody has it: lost, or never whole.
    Gone,
}

impl SliceState {
    pub(super) fn is_waiting(self) -> bool {
        self == Self::Waiting
    }

    /// Needs no more work here.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Self::Settled | Self::Moved | Self::Gone)
    }

    /// Somebody relies on the disk for it.
    pub(super) fn must_be_readable(self) -> bool {
        matches!(self, Self::Waiting | Self::HandedOut)
    }
}

/// The states of a segment's slices, by their ordinals.
#[derive(Debug, Default)]
pub(super) struct SliceStates(Vec<SliceState>);

impl SliceStates {
    /// How many slices there are.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).expect("a segment has fewer than 2^32 slices")
    }

    /// Adds the next slice. Returns its ordinal.
    pub(super) fn push(&mut self, state: SliceState) -> u32 {
        let ordinal = self.len();
        self.0.push(state);
        ordinal
    }

    /// A slice that was never there is gone.
    pub(super) fn get(&self, ordinal: u32) -> SliceState {
        self.0.get(ordinal as usize).copied().unwrap_or(SliceState::Gone)
    }

    /// Nothing happens to a slice that was never there.
    pub(super) fn set(&mut self, ordinal: u32, state: SliceState) {
        if let Some(slot) = self.0.get_mut(ordinal as usize) {
            *slot = state;
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = SliceState> + '_ {
        self.0.iter().copied()
    }
}
