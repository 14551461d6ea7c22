//! The encoding of some messages, compared with bytes written out by hand: field number times eight plus wire type.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use mesos_rs::proto::scheduler::{self, CallType};
use mesos_rs::proto::{FrameworkInfo, TaskInfo, TaskState, TaskStatus, executor, json};
use prost::Message;

#[test]
fn a_subscribe_call() {
    let info = FrameworkInfo { user: "root".into(), name: "binary".into(), ..FrameworkInfo::default() };
    let subscribe = scheduler::Subscribe { framework_info: info, suppressed_roles: vec!["a".into()] };
    let call = scheduler::Call {
        r#type: Some(CallType::Subscribe.into()),
        subscribe: Some(subscribe),
        ..scheduler::Call::default()
    };
    // type = 2: 1, subscribe = 3: { framework_info = 1: { user = 1, name = 2 }, suppressed_roles = 2 }
    assert_eq!(call.encode_to_vec(), b"\x10\x01\x1a\x13\x0a\x0e\x0a\x04root\x12\x06binary\x12\x01a");
}

#[test]
fn values_that_are_not_the_types_number() {
    // In a call, the types and the fields of these differ: UPDATE_FRAMEWORK is type 17 in field 19.
    let call = scheduler::Call {
        r#type: Some(CallType::UpdateFramework.into()),
        update_framework: Some(scheduler::UpdateFramework::default()),
        suppress: Some(scheduler::Suppress::default()),
        revive: Some(scheduler::Revive::default()),
        ..scheduler::Call::default()
    };
    let bytes = call.encode_to_vec();
    assert!(bytes.starts_with(&[0x10, 17]), "{bytes:?}");
    for (field, number) in [("revive", 15u32), ("suppress", 16), ("update_framework", 19)] {
        let mut key = Vec::new();
        prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut key);
        assert!(bytes.windows(key.len()).any(|window| window == key.as_slice()), "{field} in {bytes:?}");
    }
    assert_eq!(executor::EventType::LaunchGroup as i32, 8);
    assert_eq!(executor::EventType::Heartbeat as i32, 9);
}

#[test]
fn unknown_values_and_fields_are_survived() {
    // state = 2: 77 is none; field 99 is none either.
    let bytes = b"\x0a\x03\x0a\x01t\x10\x4d\x9a\x06\x02hi";
    let status = TaskStatus::decode(&bytes[..]).unwrap();
    assert_eq!((status.task_id.value.as_str(), status.state), ("t", 77));
    assert!(TaskState::try_from(status.state).is_err());
}

#[test]
fn json_is_for_reading() {
    let status = TaskStatus {
        uuid: Some(vec![0xab, 0x01].into()),
        reason: Some(8),
        ..TaskStatus::new("t".into(), TaskState::Failed)
    };
    let expected = r#"{"reason":"ContainerLimitationMemory","state":"Failed","task_id":{"value":"t"},"uuid":"ab01"}"#;
    assert_eq!(json(&status), expected);
    assert!(!json(&TaskInfo::default()).contains("null"));
}
