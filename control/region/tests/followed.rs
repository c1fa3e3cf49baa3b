//! An answer waits for what its own call has changed, and for nothing after it.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]
#![allow(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]

mod support;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use eni_model::{ChangeSet, Reports, Source};
use eni_region::Region;
use eni_store::Store;

use support::{TestStore, mark, settings, submit};

const AT_ONCE: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn an_answer_names_the_revision_of_its_call_and_waits_for_no_later_one() {
    let store = TestStore::new();
    let region = Region::open(Arc::clone(&store) as Arc<dyn Store>, settings()).unwrap();
    region.wake_on_publication(Waker::noop().clone());
    let ((), first) = submit(&region, mark("first")).await.unwrap();
    assert_eq!(region.snapshot().revision(), first);
    let ((), second) = submit(&region, mark("second")).await.unwrap();
    assert_eq!(second, first.next());
    let nothing = submit(&region, |_, _| Ok((ChangeSet::none(), ())));
    assert_eq!(nothing.await.unwrap().1, second);

    assert!(!region.wait_until_followed(first, SHORT).await);
    region.followed(first.0);
    assert!(region.wait_until_followed(first, AT_ONCE).await);
    assert!(!region.wait_until_followed(second, SHORT).await);
}
