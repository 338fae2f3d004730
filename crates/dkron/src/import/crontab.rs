//! Tables of cron, a user's or the system's, as jobs with the executor `shell`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Imported;
use super::names::{Names, mark, program, tame};
use super::quote;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Five fields and a command.
    User,
    /// The user that runs it stands before the command.
    System,
}

/// Words for schedules. As fields, so that the zone of the table counts for them too.
const WORDS: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@every_minute", "* * * * *"),
];

const SHELLS: [&str; 2] = ["/bin/sh", "sh"];

pub fn read(text: &str, form: Form, prefix: &str) -> Imported {
    let mut reader = Reader {
        form,
        prefix,
        env: BTreeMap::new(),
        names: Names::default(),
        imported: Imported::default(),
    };
    for (at, line) in text.lines().enumerate() {
        reader.line(at + 1, line.trim());
    }
    let mut imported = reader.imported;
    if imported.jobs.iter().any(|job| job.contains_key("owner_email")) {
        let said = "MAILTO became the owner's address; outputs are kept with the executions";
        imported.notes.push(said.to_owned());
    }
    if form == Form::User && !imported.jobs.is_empty() {
        let said =
            "the jobs run as the user of the node's agent; set su in executor_config for another";
        imported.notes.push(said.to_owned());
    }
    imported
}

struct Reader<'a> {
    form: Form,
    prefix: &'a str,
    /// What the lines so far have set; it counts for those that follow.
    env: BTreeMap<String, String>,
    names: Names,
    imported: Imported,
}

impl Reader<'_> {
    fn line(&mut self, at: usize, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        if let Some((name, value)) = setting(line) {
            self.env.insert(name, value);
            return;
        }
        match self.entry(line) {
            Ok(job) => self.imported.jobs.push(job),
            Err(said) => self.imported.refused.push(format!("line {at}: {said}")),
        }
    }

    fn entry(&mut self, line: &str) -> Result<Map<String, Value>, String> {
        // Some crons write less into their log for these.
        let line = line.strip_prefix('-').unwrap_or(line);
        let (schedule, rest) = schedule(line)?;
        let (user, command) = match self.form {
            Form::User => (None, rest),
            Form::System => {
                let (user, command) = word(rest);
                (Some(user), command)
            }
        };
        if command.is_empty() {
            return Err("no command behind the schedule".to_owned());
        }
        let (command, input) = percent(command);
        let said = format!("{}\0{command}", user.unwrap_or(""));
        let name = format!("{}{}-{}", self.prefix, program(&command), mark(&said));
        let name = self.names.own(name);
        let mut job = json!({
            "name": name,
            "displayname": command.chars().take(80).collect::<String>(),
            "schedule": format!("0 {schedule}"),
            "executor": "shell",
            "executor_config": self.config(&command, input, user),
        });
        let zone = self.env.get("CRON_TZ").or(self.env.get("TZ"));
        if let Some(zone) = zone.filter(|zone| !zone.is_empty()) {
            job["timezone"] = json!(zone.trim_start_matches(':'));
        }
        if let Some(owner) = user {
            job["owner"] = json!(owner);
        }
        if let Some(mail) = self.env.get("MAILTO").filter(|mail| !mail.is_empty()) {
            job["owner_email"] = json!(mail);
        }
        let Value::Object(job) = job else { return Err(String::new()) };
        crate::rest::normal::normal(&Value::Object(job.clone()))?;
        Ok(job)
    }

    fn config(&self, command: &str, input: Option<String>, user: Option<&str>) -> Value {
        let shell = self.env.get("SHELL").map_or("/bin/sh", String::as_str);
        let command = match SHELLS.contains(&shell) {
            true => command.to_owned(),
            false => format!("exec {} -c {}", quote::word(shell), quote::word(command)),
        };
        let mut config = json!({ "shell": "true", "command": command });
        let passed = |(name, _): &(&String, &String)| {
            !matches!(name.as_str(), "SHELL" | "MAILTO" | "MAILFROM" | "CRON_TZ")
        };
        let env: BTreeMap<&String, &String> = self.env.iter().filter(passed).collect();
        if !env.is_empty() {
            config["env"] = json!(json!(env).to_string());
        }
        if let Some(home) = self.env.get("HOME") {
            config["cwd"] = json!(home);
        }
        if let Some(input) = input {
            config["payload"] = json!(STANDARD.encode(input));
        }
        if let Some(user) = user.filter(|user| *user != "root") {
            config["su"] = json!(user);
        }
        config
    }
}

/// `NAME = value`, either side in quotes if need be.
fn setting(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = unquoted(name.trim());
    let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_name = !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
    (is_name && name.chars().all(letter))
        .then(|| (name.to_owned(), unquoted(value.trim()).to_owned()))
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    text
}

/// The first word, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

/// Five fields, or a word for them.
fn schedule(line: &str) -> Result<(String, &str), String> {
    let (first, rest) = word(line);
    if first == "@reboot" {
        let said = "@reboot can not be: a job is due at instants, not when a machine starts; \
                    let the machine's own start do that";
        return Err(said.to_owned());
    }
    if first.starts_with('@') {
        let found = WORDS.iter().find(|(word, _)| *word == first.to_ascii_lowercase());
        let known = || format!("{first} is no schedule that cron has");
        return found.map(|(_, fields)| ((*fields).to_owned(), rest)).ok_or_else(known);
    }
    let mut fields = Vec::new();
    let mut rest = line;
    for _ in 0..5 {
        let (field, behind) = word(rest);
        if field.is_empty() {
            return Err("five fields and a command are wanted".to_owned());
        }
        fields.push(field);
        rest = behind;
    }
    if days_must_both_match(fields[2], fields[4]) {
        let said = "a day of the month that begins with * and a day of the week (or the other way \
                    round) must both match in cron, here either is enough: say it in the command";
        return Err(said.to_owned());
    }
    Ok((fields.join(" "), rest))
}

/// A field that begins with a star means "any day" to cron, whatever step follows.
fn days_must_both_match(month: &str, week: &str) -> bool {
    let stepped = |field: &str| field.starts_with('*') && field != "*";
    (stepped(month) && week != "*") || (stepped(week) && month != "*")
}

/// The first bare `%` ends the command; what follows is its input, where each further one is the
/// end of a line. `\%` is the letter.
fn percent(text: &str) -> (String, Option<String>) {
    let (mut command, mut input) = (String::new(), None::<String>);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letter == '\\' && letters.next_if_eq(&'%').is_some();
        let into = input.as_mut().unwrap_or(&mut command);
        match letter {
            _ if escaped => into.push('%'),
            '%' => match &mut input {
                Some(input) => input.push('\n'),
                None => input = Some(String::new()),
            },
            letter => into.push(letter),
        }
    }
    let whole = |mut input: String| {
        input.push('\n');
        input
    };
    (command.trim_end().to_owned(), input.map(whole))
}

/// Where the system's tables are.
pub fn form_of(path: &str) -> Form {
    let system = path == "/etc/crontab" || path.starts_with("/etc/cron.d/");
    if system { Form::System } else { Form::User }
}

/// A prefix as a name can have it.
pub fn prefix(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{}-", tame(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_a_user() {
        let table = "# comment\nMAILTO=\"ann@example.org\"\nPATH = /usr/bin:/bin\n\
                     CRON_TZ=Europe/Berlin\n30 2 * * mon-fri /usr/bin/backup.sh --all\n\
                     @daily cd /srv && ./clean\n\
                     */5 * * * * mail -s a\\%b ann%Hello,%Ann\n";
        let got = read(table, Form::User, "");
        assert!(got.refused.is_empty(), "{:?}", got.refused);
        let [backup, clean, mail] = got.jobs.as_slice() else { panic!("{:?}", got.jobs) };
        assert_eq!(backup["schedule"], "0 30 2 * * mon-fri");
        assert_eq!(backup["timezone"], "Europe/Berlin");
        assert_eq!(backup["owner_email"], "ann@example.org");
        assert!(backup["name"].as_str().unwrap().starts_with("backup-"), "{backup:?}");
        assert_eq!(backup["executor_config"]["env"], r#"{"PATH":"/usr/bin:/bin"}"#);
        assert_eq!(clean["schedule"], "0 0 0 * * *");
        assert!(clean["name"].as_str().unwrap().starts_with("clean-"), "{clean:?}");
        assert_eq!(mail["executor_config"]["command"], "mail -s a%b ann");
        let payload = mail["executor_config"]["payload"].as_str().unwrap();
        assert_eq!(STANDARD.decode(payload).unwrap(), b"Hello,\nAnn\n");
        assert_eq!(read(table, Form::User, "").jobs, got.jobs, "names stay");
    }

    #[test]
    fn a_table_of_the_system() {
        let table = "SHELL=/bin/bash\n17 * * * * root run-parts /etc/cron.hourly\n\
                     0 4 * * * www echo 'a b'\n0 4 * * * www\n";
        let got = read(table, Form::System, "host-");
        assert_eq!(got.refused, ["line 4: no command behind the schedule"]);
        let config = &got.jobs[0]["executor_config"];
        assert_eq!(config["command"], "exec /bin/bash -c 'run-parts /etc/cron.hourly'");
        assert_eq!(got.jobs[0]["owner"], "root");
        assert!(config.get("su").is_none());
        assert_eq!(got.jobs[1]["executor_config"]["su"], "www");
        assert!(got.jobs[0]["name"].as_str().unwrap().starts_with("host-run-parts-"));
    }

    #[test]
    fn what_can_not_become_a_job_says_why() {
        let table =
            "@reboot x\n@fortnightly x\n1 2 3\n99 * * * * x\n* * * * * echo ok\n0 0 */2 * 1 x\n";
        let got = read(table, Form::User, "");
        assert_eq!(got.jobs.len(), 1);
        for (said, wanted) in got.refused.iter().zip([
            "line 1: @reboot",
            "line 2: @fortnightly",
            "line 3: five",
            "line 4: ",
        ]) {
            assert!(said.starts_with(wanted), "{said}");
        }
        assert_eq!(got.refused.len(), 5);
        assert!(got.refused[4].contains("must both match"), "{:?}", got.refused);
    }

    #[test]
    fn the_same_command_twice_has_two_names() {
        let got = read("0 1 * * * x\n0 13 * * * x\n", Form::User, "");
        let name = |at: usize| got.jobs[at]["name"].as_str().unwrap().to_owned();
        assert_eq!(name(1), format!("{}-2", name(0)));
    }
}
