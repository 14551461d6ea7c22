//! Graphs, vertex by vertex, when something is lost on the way. (What programs do with them is tried with the examples.)

use super::fixture::{Done, Trials, equal, sorted};
use dpark::Context;
use dpark::rdd::pregel::Pregel;
use dpark_tests::story::Story;
use std::fs::File;

/// Places of the graph.
const PLACES: u64 = 100;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("pregel::a_loss_in_a_superstep", a_loss_in_a_superstep);
}

/// An executor dies in the fourth superstep, with what it keeps of the third. The ways found are those of an undisturbed run, and
/// of a plain loop.
async fn a_loss_in_a_superstep(ctx: Context) -> Done {
    if matches!(ctx.master(), dpark::Master::Local(_)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let marker = dir.path().join("died");
    let roads = |place: u64| vec![((7 * place + 3) % PLACES, 1 + place % 5), ((place + 1) % PLACES, 4)];
    let mut shortest: Vec<Option<u64>> = (0..PLACES).map(|place| (place == 0).then_some(0)).collect();
    for _ in 0..PLACES {
        for from in 0..PLACES {
            let Some(length) = shortest[from as usize] else { continue };
            for (to, road) in roads(from) {
                let known = &mut shortest[to as usize];
                *known = Some(known.map_or(length + road, |known| known.min(length + road)));
            }
        }
    }
    let expected: Vec<_> = (0..PLACES).zip(shortest).collect();

    let places = ctx.parallelize((0..PLACES).map(|place| (place, (None::<u64>, roads(place)))), 4);
    let mut supersteps = vec![];
    for dies in [false, true] {
        let mut story = Story::of(&ctx);
        let ways = Pregel::new(&places).with((marker.display().to_string(), dies)).run(
            u64::min,
            |step, place, shortest, out| {
                let (marker, dies) = step.value;
                if *dies && step.number == 3 && File::create_new(marker).is_ok() {
                    std::process::abort();
                }
                let found = if step.number == 0 { (place.id == 0).then_some(0) } else { shortest };
                if let Some(length) = found.filter(|length| place.state.is_none_or(|known| *length < known)) {
                    place.state = Some(length);
                    place.edges.into_iter().for_each(|(to, road)| out.send(to, length + road));
                }
                place.halt();
            },
        );
        let ways = ways.await?;
        equal(&sorted(ways.vertices.collect().await?), &expected)?;
        assert!(ways.halted);
        supersteps.push(ways.supersteps);
        ways.unpersist();
        assert_eq!((marker.exists(), story.catch_up().removed.len()), (dies, usize::from(dies)));
    }
    assert!(supersteps[0] > 4 && supersteps[0] == supersteps[1], "{supersteps:?}");
    Ok(())
}
