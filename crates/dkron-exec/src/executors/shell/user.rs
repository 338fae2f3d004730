//! Finds the numbers of a user in the machine's own lists of users and groups.
//!
// LIMIT: users that only a directory service knows are not found by name; their numbers work.

use std::fs;

use crate::runner::Credentials;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// The numbers of `user` or `user:group`.
pub fn look_up(value: &str) -> Result<Credentials, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    find(value, &read(USERS), &read(GROUPS))
}

fn find(value: &str, users: &str, groups: &str) -> Result<Credentials, String> {
    let (name, group) = match value.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (value, None),
    };
    let known = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|fields| {
        let found = fields.first() == Some(&name) || fields.get(2) == Some(&name);
        found.then_some(())?;
        Some((fields.first()?.to_string(), parse(fields.get(2)?)?, parse(fields.get(3)?)?))
    });
    let (name, uid, primary) = match (known, name.parse::<u32>()) {
        (Some(known), _) => known,
        (None, Ok(number)) => (name.to_owned(), number, number),
        (None, Err(_)) => return Err(format!("user: unknown user {name}")),
    };
    let gid = match group {
        None | Some("") => primary,
        Some(group) => find_group(group, groups)?,
    };
    let mut all = vec![gid];
    for line in groups.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let member = fields.get(3).is_some_and(|list| list.split(',').any(|one| one == name));
        if let (true, Some(number)) = (member, fields.get(2).and_then(|text| parse(text))) {
            all.push(number);
        }
    }
    all.dedup();
    Ok(Credentials { uid, gid, groups: all })
}

fn find_group(group: &str, groups: &str) -> Result<u32, String> {
    let known = groups.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.first() == Some(&group)).then(|| parse(fields.get(2)?)).flatten()
    });
    known.or_else(|| group.parse().ok()).ok_or_else(|| format!("group: unknown group {group}"))
}

fn parse(text: &str) -> Option<u32> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nann:x:1000:\nadm:x:4:bob,ann\nweb:x:33:ann\n";

    #[test]
    fn finds_users_and_groups() {
        let of = |uid, gid, groups: &[u32]| Credentials { uid, gid, groups: groups.to_vec() };
        for (value, expected) in [
            ("ann", of(1000, 1000, &[1000, 4, 33])),
            ("ann:adm", of(1000, 4, &[4, 33])),
            ("1000:root", of(1000, 0, &[0, 4, 33])),
            ("77", of(77, 77, &[77])),
            ("root", of(0, 0, &[0])),
        ] {
            assert_eq!(find(value, USERS, GROUPS).unwrap(), expected, "{value}");
        }
        assert_eq!(find("x", USERS, GROUPS).unwrap_err(), "user: unknown user x");
        assert_eq!(find("ann:y", USERS, GROUPS).unwrap_err(), "group: unknown group y");
    }
}
