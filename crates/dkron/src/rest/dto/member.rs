//! A member of the cluster, in the form of Dkron's membership library.

use std::collections::BTreeMap;

use dkron_node::service::Member;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
#[serde(rename_all = "PascalCase")]
pub struct MemberDto<'a> {
    name: &'a str,
    addr: &'a str,
    port: u16,
    tags: &'a BTreeMap<String, String>,
    status: u8,
    protocol_min: u8,
    protocol_max: u8,
    protocol_cur: u8,
    delegate_min: u8,
    delegate_max: u8,
    delegate_cur: u8,
}

impl<'a> From<&'a Member> for MemberDto<'a> {
    fn from(member: &'a Member) -> Self {
        MemberDto {
            name: member.name.as_str(),
            addr: &member.addr,
            port: member.port,
            tags: &member.tags,
            status: member.status,
            // What the original's membership library answers: nobody negotiates by them.
            protocol_min: 1,
            protocol_max: 5,
            protocol_cur: 2,
            delegate_min: 2,
            delegate_max: 5,
            delegate_cur: 4,
        }
    }
}

/// The word for a member's status.
pub fn status_text(status: u8) -> &'static str {
    match status {
        1 => "alive",
        2 => "leaving",
        3 => "left",
        4 => "failed",
        _ => "none",
    }
}

/// As in the list of all members.
#[derive(Serialize, JsonSchema)]
pub struct ListedMember<'a> {
    #[serde(flatten)]
    member: MemberDto<'a>,
    /// The node's name: unique among the members, and the same at the next look.
    id: &'a str,
    #[serde(rename = "statusText")]
    status_text: &'static str,
}

impl<'a> From<&'a Member> for ListedMember<'a> {
    fn from(member: &'a Member) -> Self {
        let status_text = status_text(member.status);
        ListedMember { member: member.into(), id: member.name.as_str(), status_text }
    }
}
