//! How much each feature matters, as `learn` found it.

/// One weight a feature, in the order of `features`.
pub const WEIGHTS: [f32; 0] = [];
