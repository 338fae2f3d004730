//! `dkron top`: what runs where, how late and how many, looked at once a second.

mod draw;
mod picture;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::remote::{self, Remote};
use super::show;
use crate::client::{Client, Exit, Failure};
use picture::Picture;

const PAUSE: Duration = Duration::from_secs(1);

pub fn command() -> Command {
    let once = Arg::new("once").long("once").action(ArgAction::SetTrue);
    Command::new("top")
        .about("Watch what runs")
        .args(remote::args())
        .arg(once.help("Print what there is now, and end"))
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let remote = Remote::of(matches)?;
    if matches.get_flag("once") || !std::io::stdout().is_terminal() {
        let picture = Picture::take(&remote.client);
        return match picture.error {
            Some(error) => Err(Failure::new(Exit::Unreachable, error).into()),
            None => show::say(picture.text()),
        };
    }
    let terminal = ratatui::try_init()?;
    let watched = watch(terminal, &remote.client);
    ratatui::restore();
    watched
}

/// Looks and draws until a person has seen enough. A server that is away comes back by itself.
fn watch(mut terminal: DefaultTerminal, client: &Client) -> anyhow::Result<()> {
    let mut scrolled = 0_usize;
    loop {
        let picture = Picture::take(client);
        let next = Instant::now() + PAUSE;
        loop {
            scrolled = scrolled.min(picture.running.len().saturating_sub(1));
            terminal.draw(|frame| draw::draw(frame, &picture, client.url(), scrolled))?;
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() || !event::poll(left)? {
                break;
            }
            let Event::Key(key) = event::read()? else { continue };
            let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                _ if key.kind == KeyEventKind::Release => {}
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if ctrl => return Ok(()),
                KeyCode::Up => scrolled = scrolled.saturating_sub(1),
                KeyCode::Down => scrolled += 1,
                _ => {}
            }
        }
    }
}
