//! One module for each family of operations.
//!
//! An operation is registered by its name in [`for_each_operation!`](crate::for_each_operation) and its re-export here.

pub(crate) mod lookup;
pub mod vpc;

pub use vpc::{CreateDefaultVpc, CreateVpc};

/// Calls the macro `callback` with the request types of all operations, by name.
///
/// ```
/// macro_rules! names {
///     ($($operation:ident,)*) => { [$(stringify!($operation)),*] };
/// }
/// assert!(eni_model::for_each_operation!(names).contains(&"CreateVpc"));
/// ```
#[macro_export]
macro_rules! for_each_operation {
    ($callback:ident) => {
        $callback! {
            CreateDefaultVpc,
            CreateVpc,
        }
    };
}
