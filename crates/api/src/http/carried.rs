//! Findings of the fast path about a request that it leaves to the router. The handler continues from there, and
//! nothing is computed a second time.

use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;

/// A value on its way to the handler. Extensions must be `Clone`; the value need not be.
struct Carried<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Carried<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Leaves a value for the handler.
pub(super) fn leave<T: Send + 'static>(extensions: &mut Extensions, value: T) {
    extensions.insert(Carried(Arc::new(Mutex::new(Some(value)))));
}

/// Takes the value that the fast path left, once.
pub(super) fn take<T: Send + 'static>(extensions: &Extensions) -> Option<T> {
    let carried = extensions.get::<Carried<T>>()?;
    carried.0.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_taken_once() {
        let mut extensions = Extensions::new();
        assert_eq!(take::<u8>(&extensions), None);
        leave(&mut extensions, 7_u8);
        assert_eq!((take::<u16>(&extensions), take::<u8>(&extensions), take::<u8>(&extensions)), (None, Some(7), None));
    }
}
