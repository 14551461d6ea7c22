//! Arithmetic on resources: its laws, and taking requests out of offers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use mesos_rs::proto::{
    AllocationInfo, DiskInfo, Persistence, Range, Ranges, ReservationInfo, Resource, RevocableInfo, Scalar, Set,
    SharedInfo, ValueType,
};
use mesos_rs::resources::{Intervals, Prefer, Request, Resources, Units};
use proptest::prelude::*;

fn scalar(name: &str, value: f64) -> Resource {
    let allocation_info = Some(AllocationInfo { role: Some("analytics".into()) });
    let scalar = Some(Scalar { value });
    Resource { name: name.into(), r#type: ValueType::Scalar.into(), scalar, allocation_info, ..Resource::default() }
}

fn ports(ranges: &[(u64, u64)]) -> Resource {
    let range = ranges.iter().map(|&(begin, end)| Range { begin, end }).collect();
    Resource { ranges: Some(Ranges { range }), scalar: None, r#type: ValueType::Ranges.into(), ..scalar("ports", 0.0) }
}

fn set(items: &[&str]) -> Resource {
    let item = items.iter().map(|item| item.to_string()).collect();
    Resource { set: Some(Set { item }), scalar: None, r#type: ValueType::Set.into(), ..scalar("racks", 0.0) }
}

fn reserved(role: &str, resource: Resource) -> Resource {
    let reservation = ReservationInfo { role: Some(role.into()), ..ReservationInfo::default() };
    Resource { reservations: vec![reservation], ..resource }
}

fn all(resources: &[Resource]) -> Resources {
    Resources::try_from(resources).unwrap()
}

/// Ports below `end` only, so that two of these with different ends of the scale do not overlap.
fn any_resources(first_port: u64) -> impl Strategy<Value = Resources> {
    let amount = (0u32..5_000_000).prop_map(|thousandths| f64::from(thousandths) / 1000.0);
    let one = prop_oneof![
        (prop_oneof![Just("cpus"), Just("mem"), Just("disk")], amount).prop_map(|(name, value)| scalar(name, value)),
        prop::collection::vec((0u64..50, 0u64..10), 0..4).prop_map(move |ranges| {
            ports(&ranges.iter().map(|(b, l)| (first_port + b, first_port + b + l)).collect::<Vec<_>>())
        }),
        prop::collection::vec("[a-c]", 0..3).prop_map(move |items| {
            set(&items
                .iter()
                .map(|i| format!("{i}{first_port}"))
                .collect::<Vec<_>>()
                .iter()
                .map(|s| s.as_str())
                .collect::<Vec<_>>())
        }),
    ];
    let role = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    let placed = (one, role).prop_map(|(one, role)| match role {
        Some(role) => reserved(role, one),
        None => one,
    });
    prop::collection::vec(placed, 0..8).prop_map(|list| all(&list))
}

proptest! {
    #[test]
    fn what_is_added_can_be_taken_away(a in any_resources(0), b in any_resources(1000)) {
        let sum = a.plus(&b);
        prop_assert!(sum.contains(&a) && sum.contains(&b));
        prop_assert_eq!(&sum, &b.plus(&a));
        prop_assert_eq!(&sum.checked_sub(&b).unwrap(), &a);
        prop_assert_eq!(&sum.checked_sub(&a).unwrap(), &b);
        prop_assert!(sum.checked_sub(&sum).unwrap().is_empty());
    }

    #[test]
    fn containing_is_an_order(a in any_resources(0), b in any_resources(0), c in any_resources(0)) {
        prop_assert!(a.contains(&a) && a.contains(&Resources::new()));
        prop_assert_eq!(a.contains(&b) && b.contains(&a), a == b);
        if a.contains(&b) && b.contains(&c) {
            prop_assert!(a.contains(&c));
        }
        if let Some(rest) = a.checked_sub(&b) {
            prop_assert_eq!(rest.plus(&b), a);
        }
    }

    #[test]
    fn the_wire_changes_nothing(a in any_resources(0)) {
        prop_assert_eq!(&all(&a.to_proto()), &a);
    }

    #[test]
    fn taking_splits(a in any_resources(0), cpus in 0u64..6_000_000, count in 0u64..40, reserved_first in any::<bool>()) {
        let request = Request::new().scalar("cpus", Units::from_thousandths(cpus)).ports(count);
        let prefer = if reserved_first { Prefer::Reserved } else { Prefer::Unreserved };
        let mut left = a.clone();
        match left.take(&request, prefer) {
            Ok(taken) => {
                prop_assert_eq!(taken.scalar("cpus").thousandths(), cpus);
                prop_assert_eq!(left.plus(&taken), a);
            }
            Err(_) => prop_assert_eq!(left, a),
        }
    }

    #[test]
    fn intervals_are_sets(a in prop::collection::vec((0u64..60, 0u64..8), 0..6), b in prop::collection::vec((0u64..60, 0u64..8), 0..6)) {
        use std::collections::BTreeSet;
        let model = |ranges: &[(u64, u64)]| -> BTreeSet<u64> { ranges.iter().flat_map(|&(b, l)| b..=b + l).collect() };
        let real = |ranges: &[(u64, u64)]| Intervals::new(ranges.iter().map(|&(b, l)| (b, b + l)));
        let numbers = |intervals: &Intervals| -> BTreeSet<u64> { intervals.iter().flat_map(|(b, e)| b..=e).collect() };
        let (x, y, i, j) = (model(&a), model(&b), real(&a), real(&b));
        prop_assert_eq!(numbers(&i.union(&j)), &x | &y);
        prop_assert_eq!(numbers(&i.intersection(&j)), &x & &y);
        prop_assert_eq!(numbers(&i.difference(&j)), &x - &y);
        prop_assert_eq!(i.contains(&j), x.is_superset(&y));
        prop_assert_eq!(i.count(), x.len() as u64);
    }
}

#[test]
fn scalars_count_in_thousandths() {
    let sum = all(&[scalar("cpus", 0.1), scalar("cpus", 0.2)]);
    assert_eq!(sum, all(&[scalar("cpus", 0.3)]));
    assert_eq!(Units::from_f64(1.0).unwrap().thousandths(), 1000);
    assert_eq!(Units::from_f64(0.0005).unwrap().thousandths(), 1);
    assert_eq!(Units::from_f64(0.00049).unwrap().thousandths(), 0);
    for bad in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
        assert_eq!(Units::from_f64(bad), None);
    }
    assert!(all(&[scalar("cpus", 0.0004)]).is_empty());
}

#[test]
fn the_extremes_of_ports_do_not_overflow() {
    let whole = Intervals::new([(0, u64::MAX)]);
    assert_eq!(whole.count(), u64::MAX);
    assert!(whole.difference(&whole).is_empty());
    assert_eq!(whole.difference(&Intervals::new([(1, u64::MAX - 1)])), Intervals::new([(0, 0), (u64::MAX, u64::MAX)]));
    assert_eq!(Intervals::new([(0, 3), (u64::MAX, u64::MAX)]).lowest(5).unwrap().count(), 5);
}

#[test]
fn reserved_or_unreserved_first() {
    let offer = all(&[scalar("cpus", 2.0), reserved("analytics", scalar("cpus", 1.0)), ports(&[(31000, 31009)])]);
    let request: Request = "cpus=1.5".parse().unwrap();

    let mut left = offer.clone();
    let taken = left.take(&request, Prefer::Reserved).unwrap();
    assert_eq!(taken.reserved_for("analytics").scalar("cpus").to_f64(), 1.0);
    assert_eq!(taken.unreserved().scalar("cpus").to_f64(), 0.5);
    assert_eq!(left.to_string(), "cpus:1.5; ports:[31000-31009]");

    let mut left = offer.clone();
    let taken = left.take(&request, Prefer::Unreserved).unwrap();
    assert_eq!(taken.to_string(), "cpus:1.5");
    assert_eq!(taken.to_proto()[0].allocation_info.as_ref().unwrap().role(), "analytics");

    let shortage = left.take(&"cpus=2,mem=1".parse().unwrap(), Prefer::Reserved).unwrap_err();
    assert_eq!(shortage.to_string(), "cpus: 2 wanted, 1.5 available");
    let shortage = left.take(&Request::new().ports(11), Prefer::Reserved).unwrap_err();
    assert_eq!(shortage.to_string(), "ports: 11 wanted, 10 available");
    assert_eq!(left.take(&Request::new().ports(2), Prefer::Reserved).unwrap().to_string(), "ports:[31000-31001]");
}

#[test]
fn volumes_and_revocable_resources_are_not_taken_unasked() {
    let persistence = Persistence { id: "v".into(), principal: None };
    let disk = Some(DiskInfo { persistence: Some(persistence), ..DiskInfo::default() });
    let volume = Resource { disk, ..scalar("disk", 100.0) };
    let revocable = Resource { revocable: Some(RevocableInfo {}), ..scalar("cpus", 4.0) };
    let offer = all(&[volume.clone(), revocable, scalar("disk", 10.0), scalar("cpus", 1.0)]);

    assert!(offer.clone().take(&"disk=11".parse().unwrap(), Prefer::Reserved).is_err());
    assert!(offer.clone().take(&"cpus=2".parse().unwrap(), Prefer::Reserved).is_err());
    let request = "cpus=2".parse::<Request>().unwrap().or_revocable();
    assert_eq!(offer.clone().take(&request, Prefer::Reserved).unwrap().to_string(), "cpus:1; cpus{REV}:1");

    // A volume goes as a whole.
    assert!(offer.contains(&all(std::slice::from_ref(&volume))));
    assert!(!offer.contains(&all(&[Resource { scalar: Some(Scalar { value: 50.0 }), ..volume.clone() }])));

    // Shared ones are counted.
    let shared = Resource { shared: Some(SharedInfo {}), ..volume };
    let two = all(&[shared.clone(), shared.clone()]);
    assert!(
        two.contains(&all(std::slice::from_ref(&shared)))
            && two.checked_sub(&all(&[shared])).unwrap().to_proto().len() == 1
    );
}

#[test]
fn both_ways_to_write_a_reservation_are_understood() {
    let old = Resource { role: Some("analytics".into()), ..scalar("cpus", 1.0) };
    assert_eq!(old.reserved_for(), Some("analytics"));
    assert_eq!(Resource { role: Some("*".into()), ..scalar("cpus", 1.0) }.reserved_for(), None);
    let refined = reserved("analytics", scalar("cpus", 1.0));
    let twice = ReservationInfo { role: Some("analytics/nightly".into()), ..ReservationInfo::default() };
    let refined = Resource { reservations: [refined.reservations.clone(), vec![twice]].concat(), ..refined };
    assert_eq!(refined.reserved_for(), Some("analytics/nightly"));
}

#[test]
fn senseless_resources_are_named() {
    for bad in [
        scalar("cpus", -1.0),
        scalar("cpus", f64::NAN),
        ports(&[(5, 4)]),
        Resource { scalar: None, ..scalar("cpus", 1.0) },
        Resource { r#type: ValueType::Text.into(), ..scalar("cpus", 1.0) },
        Resource { r#type: 99, ..scalar("cpus", 1.0) },
    ] {
        let error = Resources::try_from(&[bad.clone()][..]).unwrap_err();
        assert_eq!(error.name, bad.name);
    }
    for bad in ["cpus", "cpus=", "=1", "cpus=-1", "cpus=x"] {
        assert!(bad.parse::<Request>().is_err(), "{bad}");
    }
}
