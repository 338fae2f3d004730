//! Splits a command into words, as a shell would, but expands nothing.

use thiserror::Error;

/// Why a command is no list of words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    #[error("invalid command line string")]
    Unbalanced,
    // COMPAT(dkron): there the rest of the command is dropped without a word.
    #[error(
        "shell: `{operator}` needs a shell: set `shell: \"true\"` in executor_config, \
         or quote it if it is part of a word"
    )]
    Operator { operator: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
    /// `…` in backticks and $(…) are kept as they stand.
    Backtick,
    Dollar,
}

/// The words of a command.
pub fn split(command: &str) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    let mut word = String::new();
    // An empty pair of quotes is a word, nothing at all is none.
    let mut begun = false;
    let mut quote = None;
    let mut letters = command.char_indices();
    while let Some((at, letter)) = letters.next() {
        let kept = match (letter, quote) {
            ('\\', None | Some(Quote::Double | Quote::Backtick | Quote::Dollar)) => {
                match letters.next().ok_or(Error::Unbalanced)?.1 {
                    't' => Some('\t'),
                    'n' => Some('\n'),
                    other => Some(other),
                }
            }
            (' ' | '\t' | '\r' | '\n', None) => {
                if begun {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                }
                continue;
            }
            ('\'', None | Some(Quote::Single)) => toggle(&mut quote, Quote::Single),
            ('"', None | Some(Quote::Double)) => toggle(&mut quote, Quote::Double),
            ('`', None | Some(Quote::Backtick)) => {
                toggle(&mut quote, Quote::Backtick);
                Some(letter)
            }
            ('(', None) if word.ends_with('$') => {
                quote = Some(Quote::Dollar);
                Some(letter)
            }
            (')', Some(Quote::Dollar)) => {
                quote = None;
                Some(letter)
            }
            ('(' | ')', None) | ('(', Some(Quote::Dollar)) => return Err(Error::Unbalanced),
            (';' | '&' | '|' | '<' | '>', None) => {
                return Err(Error::Operator { operator: operator(&command[at..]) });
            }
            _ => Some(letter),
        };
        begun = true;
        word.extend(kept);
    }
    if quote.is_some() {
        return Err(Error::Unbalanced);
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

/// Opens or closes; quotation marks themselves are no part of the word.
fn toggle(quote: &mut Option<Quote>, kind: Quote) -> Option<char> {
    *quote = if quote.is_some() { None } else { Some(kind) };
    None
}

fn operator(rest: &str) -> String {
    let first = rest.chars().next();
    rest.chars().take_while(|letter| Some(*letter) == first).take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_shells_do() {
        for (command, words) in [
            ("", vec![]),
            ("  \t\n ", vec![]),
            ("a b  c", vec!["a", "b", "c"]),
            (r#"echo 'a  b' "c d" e\ f $HOME"#, vec!["echo", "a  b", "c d", "e f", "$HOME"]),
            (r#"'' """#, vec!["", ""]),
            (r"a'\t'\tb", vec!["a\\t\tb"]),
            (r#""a\"b;" 'x|y'"#, vec!["a\"b;", "x|y"]),
            ("echo $(date | cat) `a b`", vec!["echo", "$(date | cat)", "`a b`"]),
            ("a'b'\"c\"d", vec!["abcd"]),
            (r"a\;b", vec!["a;b"]),
        ] {
            assert_eq!(split(command).unwrap(), words, "{command}");
        }
    }

    #[test]
    fn refuses_what_needs_a_shell() {
        for (command, operator) in [
            ("date && rm x", "&&"),
            ("a | b", "|"),
            ("a;b", ";"),
            ("a > b", ">"),
            ("a >> b", ">>"),
            ("curl http://x/?a=1&b=2", "&"),
        ] {
            let error = split(command).unwrap_err().to_string();
            assert!(error.contains(&format!("`{operator}`")), "{error}");
            assert!(error.contains("`shell: \"true\"`"), "{error}");
        }
        for command in ["a 'b", "a \"b", "a (b)", "a )", "$(a", "`a", "a \\"] {
            assert_eq!(split(command), Err(Error::Unbalanced), "{command}");
        }
    }
}
