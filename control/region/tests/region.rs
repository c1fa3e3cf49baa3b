//! What a region promises, with a store that stops and fails as asked.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

mod support;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::time::Duration;

use eni_model::testing::{TestRng, check_invariants};
use eni_model::{ChangeSet, ErrorCode, RegionSettings, Source};
use eni_region::{Environment, OpenError, Region, Submission};
use eni_store::{MAX_TXN_OPERATIONS, Store};
use eni_types::{Timestamp, quota};

use support::{
    Mode, TestStore, everything, has_mark, is_answered, mark, marking, settings, submit,
};

fn open(store: &Arc<TestStore>) -> Region {
    Region::open(Arc::clone(store) as Arc<dyn Store>, settings()).unwrap()
}

/// The batches committed since this was made.
struct Commits<'a>(&'a TestStore, usize);

impl<'a> Commits<'a> {
    fn of(store: &'a TestStore) -> Self {
        Self(store, store.begun.load(Ordering::Acquire))
    }

    fn count(&self) -> usize {
        self.0.begun.load(Ordering::Acquire) - self.1
    }

    fn until(&self, count: usize) {
        self.0.until_begun(self.1 + count);
    }
}

/// Holds the store, and submits a call that leaves the mark "first": when this returns, its commit waits.
fn hold_first<'a>(store: &'a TestStore, region: &Region) -> (Commits<'a>, Submission<()>) {
    let commits = Commits::of(store);
    store.hold();
    let first = submit(region, mark("first"));
    commits.until(1);
    (commits, first)
}

#[test]
fn a_new_region_has_a_default_vpc_and_keeps_it() {
    let store = TestStore::new();
    let region = open(&store);
    let first = everything(&region);
    region.read(|world| {
        assert!(world.default_vpc().is_some());
        check_invariants(world);
    });
    drop(region);
    assert_eq!(everything(&open(&store)), first);
}

#[test]
fn calls_that_wait_together_share_a_commit() {
    let store = TestStore::new();
    let region = open(&store);
    let (commits, first) = hold_first(&store, &region);
    let waiting: Vec<_> = (0..100)
        .map(|at| submit(&region, mark(format!("{at}"))))
        .collect();
    store.release();
    first.wait().unwrap();
    for submission in waiting {
        submission.wait().unwrap();
    }
    assert_eq!(commits.count(), 2);
    region.read(|world| assert_eq!(world.client_tokens.len(), 101));
}

#[test]
fn eight_threads_see_their_answered_writes() {
    const CALLS: usize = 100;
    let store = TestStore::new();
    let region = open(&store);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let region = &region;
            scope.spawn(move || {
                for call in 0..CALLS {
                    let name = format!("{thread}-{call}");
                    submit(region, mark(name.clone())).wait().unwrap();
                    region.read(|world| assert!(has_mark(world, &name), "{name} was answered"));
                }
            });
        }
    });
    region.read(|world| assert_eq!(world.client_tokens.len(), 8 * CALLS));
}

#[test]
fn nothing_tells_of_a_change_before_it_is_durable() {
    let store = TestStore::new();
    let region = open(&store);
    let mut revisions = region.subscribe();
    let (commits, mut first) = hold_first(&store, &region);
    let mut second = submit(&region, mark("second"));
    // These two change nothing, but their answers depend on the second call.
    let mut looking = submit(&region, |world, _| {
        Ok((ChangeSet::none(), has_mark(world, "second")))
    });
    let mut failing = submit(&region, |world, _| -> Result<(ChangeSet, ()), _> {
        assert!(has_mark(world, "second"));
        Err(eni_model::Ec2Error::new(
            ErrorCode::InvalidVpcIdNotFound,
            "taken",
        ))
    });
    assert!(!is_answered(&mut first));
    region.read(|world| assert!(!has_mark(world, "first")));
    assert!(!revisions.has_changed().unwrap());

    store.pass_one();
    commits.until(2);
    first.wait().unwrap();
    region.read(|world| {
        assert!(has_mark(world, "first"));
        assert!(!has_mark(world, "second"));
    });
    assert!(!is_answered(&mut second) && !is_answered(&mut looking) && !is_answered(&mut failing));

    store.release();
    second.wait().unwrap();
    assert!(looking.wait().unwrap());
    assert_eq!(
        failing.wait().unwrap_err().code,
        ErrorCode::InvalidVpcIdNotFound
    );
    region.read(|world| assert!(has_mark(world, "second")));
    assert!(revisions.borrow_and_update().0 > 0);
}

/// A host that, woken, tells of it, and goes on when it is told.
struct Host(SyncSender<()>, Mutex<Receiver<()>>);

impl Wake for Host {
    fn wake(self: Arc<Self>) {
        self.0.send(()).unwrap();
        self.1.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn the_host_is_woken_before_any_call_is_answered() {
    let region = open(&TestStore::new());
    let (woken, is_woken) = sync_channel(1);
    let (go_on, goes_on) = sync_channel(1);
    let host = Arc::new(Host(woken, Mutex::new(goes_on)));
    region.wake_on_publication(host.into());
    let mut first = submit(&region, mark("first"));
    is_woken.recv().unwrap();
    region.read(|world| assert!(has_mark(world, "first")));
    let answered = is_answered(&mut first);
    go_on.send(()).unwrap();
    assert!(!answered, "packets have waited for an answer");
    first.wait().unwrap();
    // What changes nothing wakes nobody.
    submit(&region, |_, _| Ok((ChangeSet::none(), ())))
        .wait()
        .unwrap();
    assert!(is_woken.try_recv().is_err());
}

#[test]
fn calls_that_change_nothing_make_no_commit() {
    let store = TestStore::new();
    let region = open(&store);
    let commits = Commits::of(&store);
    let count = submit(&region, |world, _| {
        Ok((ChangeSet::none(), world.vpcs.len()))
    })
    .wait();
    assert_eq!(count, Ok(1));
    assert_eq!(commits.count(), 0);
    let described = region.query(&region.owner(), 0, |world, context| {
        assert_eq!(context.region.region, "us-east-1");
        Ok(world.subnets.len())
    });
    assert_eq!(described, Ok(2));
}

#[test]
fn a_failed_commit_is_rolled_back_and_later_calls_work() {
    let store = TestStore::new();
    let region = open(&store);
    submit(&region, mark("before")).wait().unwrap();
    let before = everything(&region);
    store.set(Mode::FailsBefore);
    for attempt in 0..3 {
        let (one, two) = (
            submit(&region, mark("lost")),
            submit(&region, mark("lost too")),
        );
        for lost in [one, two] {
            assert_eq!(
                lost.wait().unwrap_err().code,
                ErrorCode::InternalError,
                "{attempt}"
            );
        }
        assert_eq!(everything(&region), before);
    }
    store.set(Mode::Works);
    let seen = submit(&region, |world, _| {
        Ok((
            ChangeSet::none(),
            has_mark(world, "lost") || has_mark(world, "lost too"),
        ))
    });
    assert_eq!(seen.wait(), Ok(false), "the pending world was dropped");
    submit(&region, mark("after")).wait().unwrap();
    let after = everything(&region);
    drop(region);
    assert_eq!(everything(&open(&store)), after);
}

#[test]
fn a_commit_that_failed_but_is_durable_comes_to_light_before_the_next_call() {
    let store = TestStore::new();
    let region = open(&store);
    store.set(Mode::FailsAfter);
    let unsure = submit(&region, mark("unsure")).wait();
    assert_eq!(unsure.unwrap_err().code, ErrorCode::InternalError);
    region.read(|world| assert!(!has_mark(world, "unsure")));
    store.set(Mode::Works);
    let seen = submit(&region, |world, _| {
        Ok((ChangeSet::none(), has_mark(world, "unsure")))
    });
    assert_eq!(seen.wait(), Ok(true));
    region.read(|world| assert!(has_mark(world, "unsure")));
    submit(&region, mark("after")).wait().unwrap();
    let world = everything(&region);
    drop(region);
    assert_eq!(everything(&open(&store)), world);
}

#[test]
fn a_planner_that_panics_costs_its_own_call_only() {
    let store = TestStore::new();
    let region = open(&store);
    let (commits, first) = hold_first(&store, &region);
    let before = submit(&region, mark("before"));
    let panicking = submit(&region, |_, _| -> Result<(ChangeSet, ()), _> {
        panic!("on purpose")
    });
    let after = submit(&region, mark("after"));
    store.release();
    first.wait().unwrap();
    before.wait().unwrap();
    assert_eq!(panicking.wait().unwrap_err().code, ErrorCode::InternalError);
    after.wait().unwrap();
    assert_eq!(commits.count(), 2);
    let query = region.query(&region.owner(), 0, |_, _| -> Result<(), _> {
        panic!("on purpose")
    });
    assert_eq!(query.unwrap_err().code, ErrorCode::InternalError);
    submit(&region, mark("after the query")).wait().unwrap();
}

#[test]
fn a_call_that_changes_more_than_the_store_takes_changes_nothing() {
    let store = TestStore::new();
    let region = open(&store);
    let count = everything(&region).len();
    let large = submit(&region, |_, context| {
        let mut changes = ChangeSet::none();
        for at in 0..=MAX_TXN_OPERATIONS {
            changes.put(marking("Test", &at.to_string(), context));
        }
        Ok((changes, ()))
    });
    assert_eq!(large.wait().unwrap_err().code, ErrorCode::InternalError);
    submit(&region, mark("after")).wait().unwrap();
    assert_eq!(everything(&region).len(), count + 1);
}

#[test]
fn a_later_write_of_a_change_set_wins() {
    let store = TestStore::new();
    let region = open(&store);
    let twice = submit(&region, |_, context| {
        let mut changes = ChangeSet::none();
        let (kept, gone) = (
            marking("Test", "kept", context),
            marking("Test", "gone", context),
        );
        changes.delete(kept.key.clone());
        changes.put(gone.clone());
        changes.put(kept);
        changes.delete(gone.key.clone());
        Ok((changes, ()))
    });
    twice.wait().unwrap();
    let world = everything(&region);
    region.read(|world| assert!(has_mark(world, "kept") && !has_mark(world, "gone")));
    drop(region);
    assert_eq!(everything(&open(&store)), world);
}

#[test]
fn a_full_queue_refuses_at_once_and_serves_who_waits() {
    let store = TestStore::new();
    let region = open(&store);
    let (_, first) = hold_first(&store, &region);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut submission = submit(&region, mark(waiting.len().to_string()));
        if is_answered(&mut submission) {
            break submit(&region, mark("refused")).wait();
        }
        waiting.push(submission);
        assert!(waiting.len() < 10_000, "the queue is bounded");
    };
    assert_eq!(refused.unwrap_err().code, ErrorCode::RequestLimitExceeded);
    store.release();
    first.wait().unwrap();
    for submission in waiting {
        submission.wait().unwrap();
    }
    submit(&region, mark("after")).wait().unwrap();
}

#[test]
fn the_writer_opened_last_fences_the_other() {
    let store = TestStore::new();
    let old = open(&store);
    submit(&old, mark("old")).wait().unwrap();
    let new = open(&store);
    let before = everything(&old);
    let refused = submit(&old, mark("too late")).wait();
    assert_eq!(refused.unwrap_err().code, ErrorCode::Unavailable);
    assert!(old.is_fenced() && !new.is_fenced());
    assert_eq!(everything(&old), before);
    submit(&new, mark("new")).wait().unwrap();
    new.read(|world| {
        assert!(has_mark(world, "old") && has_mark(world, "new") && !has_mark(world, "too late"));
    });
    let again = submit(&old, mark("too late again")).wait();
    assert_eq!(again.unwrap_err().code, ErrorCode::Unavailable);
    drop(old);
    submit(&new, mark("still")).wait().unwrap();
}

#[test]
fn a_store_keeps_the_settings_it_was_made_with() {
    let store = TestStore::new();
    drop(open(&store));
    assert_eq!(eni_region::settings(&*store).unwrap(), Some(settings()));
    type Change = fn(&mut RegionSettings);
    let changes: [(&str, Change); 4] = [
        ("region", |other| other.region = "eu-west-1".into()),
        ("account_id", |other| other.account_id = "2".repeat(12)),
        ("public_pool", |other| {
            other.public_pool = "198.51.100.0/24".parse().unwrap();
        }),
        ("availability_zones", |other| {
            other.availability_zones.truncate(1);
        }),
    ];
    for (name, change) in changes {
        let mut other = settings();
        change(&mut other);
        let refused = Region::open(Arc::clone(&store) as Arc<dyn Store>, other);
        let Err(OpenError::Settings(differences)) = refused else {
            panic!("{refused:?}")
        };
        let names: Vec<_> = differences.iter().map(|other| other.name).collect();
        assert_eq!(names, [name]);
    }
    drop(open(&store));
}

#[test]
fn a_damaged_resource_is_an_error_and_not_left_out() {
    let store = TestStore::new();
    drop(open(&store));
    let put = |key: &str, value: &str| {
        let txn = eni_store::Txn::new().put(key, value.to_owned());
        store.transact(txn).unwrap().unwrap();
    };
    let reopen = || Region::open(Arc::clone(&store) as Arc<dyn Store>, settings());
    put("/openeni/vpc/vpc-0123456789abcdef0", "{");
    let refused = reopen();
    assert!(
        matches!(refused, Err(OpenError::Resource { .. })),
        "{refused:?}"
    );
    let found = store
        .range(&eni_store::KeyRange::Prefix(
            "/openeni/internet-gateway/".into(),
        ))
        .unwrap();
    let gateway = String::from_utf8(found.key_values[0].value.to_vec()).unwrap();
    store
        .transact(eni_store::Txn::new().delete("/openeni/vpc/vpc-0123456789abcdef0"))
        .unwrap()
        .unwrap();
    put("/openeni/internet-gateway/igw-0123456789abcdef0", &gateway);
    let refused = reopen();
    assert!(
        matches!(refused, Err(OpenError::Misplaced { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_region_dropped_with_calls_waiting_answers_them() {
    let store = TestStore::new();
    let region = open(&store);
    let (_, first) = hold_first(&store, &region);
    let second = submit(&region, mark("second"));
    std::thread::scope(|scope| {
        scope.spawn(|| drop(region));
        store.release();
    });
    assert_eq!((first.wait(), second.wait()), (Ok(()), Ok(())));
}

#[test]
fn a_store_that_refuses_the_first_transaction_opens_no_region() {
    let store = TestStore::new();
    store.set(Mode::FailsBefore);
    let refused = Region::open(Arc::clone(&store) as Arc<dyn Store>, settings());
    assert!(matches!(refused, Err(OpenError::Store(_))), "{refused:?}");
    store.set(Mode::Works);
    drop(open(&store));
}

fn open_at(store: &Arc<TestStore>, time: &Arc<AtomicI64>) -> Region {
    let time = Arc::clone(time);
    let environment = Environment {
        clock: Arc::new(move || Timestamp(time.load(Ordering::Acquire))),
        rng: Box::new(TestRng::new(7)),
    };
    Region::open_in(Arc::clone(store) as Arc<dyn Store>, settings(), environment).unwrap()
}

#[test]
fn client_tokens_are_forgotten_after_a_day_and_not_before() {
    let store = TestStore::new();
    let time = Arc::new(AtomicI64::new(1_795_201_854_000));
    let region = open_at(&store, &time);
    let day = quota::CLIENT_TOKEN_SECONDS * 1_000;
    submit(&region, mark("old")).wait().unwrap();
    time.fetch_add(day / 2, Ordering::AcqRel);
    submit(&region, mark("middle")).wait().unwrap();
    time.fetch_add(day / 2 + 1, Ordering::AcqRel);
    submit(&region, mark("new")).wait().unwrap();
    region.read(|world| {
        assert!(!has_mark(world, "old"));
        assert!(has_mark(world, "middle") && has_mark(world, "new"));
    });
    let world = everything(&region);
    drop(region);
    assert_eq!(everything(&open_at(&store, &time)), world);
}

#[test]
fn time_never_goes_back_between_calls() {
    let store = TestStore::new();
    let time = Arc::new(AtomicI64::new(5_000));
    let region = open_at(&store, &time);
    let now = || {
        submit(&region, |_, context| Ok((ChangeSet::none(), context.now)))
            .wait()
            .unwrap()
    };
    assert_eq!(now(), Timestamp(5_000));
    time.store(3_000, Ordering::Release);
    assert_eq!(now(), Timestamp(5_000));
    time.store(6_000, Ordering::Release);
    assert_eq!(now(), Timestamp(6_000));
}

#[tokio::test]
async fn waiting_ends_when_it_holds_or_in_time() {
    let region = Arc::new(open(&TestStore::new()));
    let patience = Duration::from_secs(30);
    assert!(
        region
            .wait_until(|world| world.default_vpc().is_some(), Duration::ZERO)
            .await
    );
    assert!(
        !region
            .wait_until(|world| has_mark(world, "never"), Duration::from_millis(20))
            .await
    );
    let waiting = region.wait_until(|world| has_mark(world, "later"), patience);
    let writing = async {
        tokio::task::yield_now().await;
        submit(&region, mark("sooner")).await.unwrap();
        submit(&region, mark("later")).await.unwrap();
    };
    let (held, ()) = tokio::join!(waiting, writing);
    assert!(held);
}

#[test]
fn a_region_whose_default_vpc_was_deleted_does_not_get_another() {
    let store = TestStore::new();
    let region = open(&store);
    let emptied = submit(&region, |world, _| {
        let mut changes = ChangeSet::none();
        for row in world.resources() {
            changes.delete(row.key());
        }
        Ok((changes, ()))
    });
    emptied.wait().unwrap();
    drop(region);
    assert_eq!(everything(&open(&store)), []);
}

#[test]
fn the_changes_since_a_snapshot_lead_to_the_published_world() {
    let store = TestStore::new();
    let region = open(&store);
    let first = region.snapshot();
    let (commits, held) = hold_first(&store, &region);
    let waiting: Vec<_> = (0..20)
        .map(|at| submit(&region, mark(format!("{at}"))))
        .collect();
    store.release();
    held.wait().unwrap();
    for submission in waiting {
        submission.wait().unwrap();
    }
    assert_eq!(commits.count(), 2);
    let last = region.snapshot();
    let mut world = first.world().clone();
    let mut revision = first.revision();
    for (led_to, changes) in last.changes_since(first.revision()).unwrap() {
        assert_eq!(led_to, revision.next(), "no revision is left out");
        world.apply(changes);
        revision = led_to;
    }
    assert_eq!((&world, revision), (last.world(), last.revision()));
    assert_eq!(last.changes_since(last.revision()).unwrap().count(), 0);
    assert!(
        first.changes_since(last.revision()).is_none(),
        "that has yet to come"
    );
    assert!(
        !has_mark(first.world(), "first"),
        "a snapshot never changes"
    );
}

#[test]
fn changes_that_were_read_back_from_the_store_are_not_known() {
    let store = TestStore::new();
    let region = open(&store);
    submit(&region, mark("known")).wait().unwrap();
    let before = region.snapshot();
    store.set(Mode::FailsAfter);
    submit(&region, mark("unsure")).wait().unwrap_err();
    store.set(Mode::Works);
    submit(&region, mark("after")).wait().unwrap();
    let after = region.snapshot();
    assert!(has_mark(after.world(), "unsure"));
    assert!(after.changes_since(before.revision()).is_none());
}

#[test]
fn a_reader_that_holds_on_to_a_world_holds_up_nobody() {
    let region = open(&TestStore::new());
    region.read(|before| {
        submit(&region, mark("meanwhile")).wait().unwrap();
        assert!(!has_mark(before, "meanwhile"));
        region.read(|after| assert!(has_mark(after, "meanwhile")));
    });
}
