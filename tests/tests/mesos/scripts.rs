//! A master that does what a real one does not do on demand. The executor is real.

use crate::fixture::{check_sums, sums, trial};
use crate::stand::{FRAMEWORK, Stand, on_scripted_stand, on_stand};
use dpark_tests::story::Story;
use libtest_mimic::{Failed, Trial};
use mesos_fake::{FakeMaster, OnSubscribe, launched};
use mesos_rs::proto::scheduler::CallType;
use std::time::{Duration, Instant};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("scripts::redirects_in_a_circle", redirects_in_a_circle),
        trial("scripts::heartbeats_stop", heartbeats_stop),
        trial("scripts::broken_frames", broken_frames),
        trial("scripts::framework_removed", framework_removed),
        trial("scripts::not_let_in", not_let_in),
        trial("scripts::launch_refused", launch_refused),
    ]
}

/// The user is told, masters are not asked ever faster, and when the circle is broken the query runs.
fn redirects_in_a_circle() -> Result<(), Failed> {
    const TURNS: usize = 4;
    let circle = |master: &FakeMaster| {
        for _ in 0..TURNS {
            master.script(OnSubscribe::Redirect(format!("//{}", master.address())));
        }
    };
    on_scripted_stand(circle, async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        story.until("word of the circle", |story| story.waiting.iter().any(|why| why.contains("loop"))).await;
        stand.call(CallType::Revive).await;
        assert_eq!(stand.count(CallType::Subscribe), TURNS + 1, "one attempt for each turn");
        check_sums(stand.serve(query).await??);
        Ok(())
    })
}

/// Waits for a SUBSCRIBE of the framework that is known already, and for the word that offers are wanted.
async fn subscribed_again(stand: &mut Stand) {
    let call = stand.call(CallType::Subscribe).await;
    assert_eq!(call.framework_id.unwrap().value, FRAMEWORK);
    assert_eq!(call.subscribe.unwrap().framework_info.id.unwrap().value, FRAMEWORK);
    stand.call(CallType::Revive).await;
}

/// A silent master is given up after five of its heartbeats' time, and found again.
fn heartbeats_stop() -> Result<(), Failed> {
    let often = |master: &FakeMaster| master.announce_heartbeat(0.5);
    on_scripted_stand(often, async |ctx, stand| {
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        // For the next subscription: this one is not disturbed any more.
        stand.master.announce_heartbeat(15.0);
        subscribed_again(stand).await;
        assert!(stand.master.streams() >= 2);
        check_sums(stand.serve(query).await??);
        Ok(())
    })
}

/// After bytes that are no events the driver subscribes again, each time as the same framework.
fn broken_frames() -> Result<(), Failed> {
    on_stand(&[], async |ctx, stand| {
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        for garbage in [&b"not a length\n"[..], b"99999999999\n", b"4\n\xff\xff\xff\xff"] {
            stand.master.send_bytes(garbage);
            subscribed_again(stand).await;
        }
        stand.master.send_bytes(b"100\nhalf of it");
        stand.master.end();
        subscribed_again(stand).await;
        assert_eq!(stand.master.streams(), 5);
        check_sums(stand.serve(query).await??);
        Ok(())
    })
}

/// The master's word is the job's error, and that of every later one; nobody subscribes again.
fn framework_removed() -> Result<(), Failed> {
    const WORD: &str = "Framework has been removed";
    on_stand(&[], async |ctx, stand| {
        let gates = stand.directory().to_path_buf();
        let query = tokio::spawn(sums(ctx, &gates, &[])?.collect());
        stand.call(CallType::Revive).await;
        stand.master.error(WORD);
        let error = query.await?.unwrap_err().to_string();
        assert_eq!(error.matches(WORD).count(), 1, "{error}");
        let start = Instant::now();
        for _ in 0..2 {
            let later = sums(ctx, &gates, &[])?.collect().await.unwrap_err().to_string();
            assert_eq!(later, error);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stand.master.streams(), 1);
        Ok(())
    })
}

/// A refusal that trying again would not change is the job's error.
fn not_let_in() -> Result<(), Failed> {
    const WORD: &str = "Not allowed to use role '*'";
    let refuse = |master: &FakeMaster| master.script(OnSubscribe::Status(403, WORD));
    on_scripted_stand(refuse, async |ctx, stand| {
        for _ in 0..2 {
            let error = sums(ctx, stand.directory(), &[])?.collect().await.unwrap_err().to_string();
            assert!(error.contains(WORD) && error.contains("403"), "{error}");
        }
        assert_eq!(stand.master.streams(), 0, "the master would take it now");
        Ok(())
    })
}

/// A launch that the master does not take: its offer is given back, and its tasks, which are not to blame, go with the
/// next one.
fn launch_refused() -> Result<(), Failed> {
    on_stand(&[("task.max_failures", "1")], async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        stand.master.refuse_next(500, "Ouch");
        let refused = stand.launches().await;
        assert!(!refused.is_empty());
        let declined = stand.call(CallType::Decline).await.decline.unwrap();
        assert_eq!(declined.offer_ids, [stand.last_offer().into()]);
        check_sums(stand.serve(query).await??);
        story.catch_up();
        assert!(story.failed.iter().all(|(_, _, error)| error.contains("not started")), "{:?}", story.failed);
        assert_eq!(story.failed.len(), refused.len());
        let launches: Vec<_> = stand.calls.iter().flat_map(launched).map(|task| task.task_id).collect();
        assert_eq!(launches.len(), refused.len() + 12, "the refused ones once more, nothing else: {launches:?}");
        Ok(())
    })
}
