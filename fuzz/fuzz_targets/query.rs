//! Sequences of calls, one form a line, against a region in memory.
//!
//! Nothing may panic, a form that is read must survive being written and read again, and after every call the
//! world must keep its invariants, whatever was asked.
#![no_main]

use eni_model::operations::empty_family::EmptyFamily;
use eni_model::testing::{TestWorld, check_invariants};
use eni_query::QueryTree;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// More calls in one input add time, not paths.
const MAX_CALLS: usize = 16;

/// Ids are the same in every run, so seeds can name the default VPC's resources.
static REGION: LazyLock<TestWorld> = LazyLock::new(TestWorld::bootstrapped);

fuzz_target!(|input: &[u8]| {
    let mut region = REGION.clone();
    for form in input.split(|byte| *byte == b'\n').take(MAX_CALLS) {
        call(&mut region, form);
    }
});

fn call(region: &mut TestWorld, form: &[u8]) {
    let mut tree = QueryTree::default();
    if tree.add_form(form, |_| false).is_err() {
        return;
    }
    let mut again = QueryTree::default();
    again
        .add_form(tree.to_form().as_bytes(), |_| false)
        .expect("a form that we wrote");
    assert_eq!(
        tree.fingerprint(),
        again.fingerprint(),
        "{}",
        tree.to_form()
    );

    let Ok(Some(action)) = tree.take::<Option<String>>("Action") else {
        return;
    };
    if !is_operation(&action) {
        return;
    }
    let written = tree.to_form();
    let pairs: Vec<(String, String)> = eni_query::form_pairs(written.as_bytes())
        .map(|(name, value)| {
            let text =
                |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the tree holds text");
            (text(&name), text(&value))
        })
        .collect();
    let parameters: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    // An error is an answer; what counts is that it left the world whole.
    if region.call(&action, &parameters).is_ok() {
        check_invariants(&region.world);
    }
}

fn is_operation(action: &str) -> bool {
    macro_rules! names {
        ($($operation:ident,)*) => { [$(stringify!($operation)),*] };
    }
    eni_model::for_each_operation!(names).contains(&action) || EmptyFamily::find(action).is_some()
}
