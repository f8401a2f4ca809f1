//! End of turn: does what was just said sound complete?

mod features;
mod smart_turn;
#[cfg(test)]
mod tests;

pub use smart_turn::SmartTurn;
