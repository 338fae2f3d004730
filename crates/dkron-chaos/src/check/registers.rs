//! One client writes growing numbers into a job and reads them back, by any server: what was
//! acknowledged is there at the next read, and no read goes back. Bears T-42.

use super::{Verdict, View};

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    let (mut least, mut most) = (0, 0);
    let (mut acknowledged, mut refused, mut unknown) = (0, 0, 0);
    for op in &view.case.ops {
        if op.write {
            match op.outcome.as_str() {
                "ok" => {
                    acknowledged += 1;
                    least = least.max(op.value);
                    most = most.max(op.value);
                }
                "refused" => refused += 1,
                _ => {
                    unknown += 1;
                    most = most.max(op.value);
                }
            }
        } else if op.outcome == "ok" && !op.stale {
            if op.value < least || op.value > most {
                let text = format!("{} shows {}, not {least} to {most}", op.server, op.value);
                verdict.add("lost write", "", text);
            }
            least = least.max(op.value);
        }
    }
    if !view.case.ops.is_empty() {
        verdict.put("writes acknowledged", acknowledged);
        verdict.put("writes refused", refused);
        verdict.put("writes with unknown outcome", unknown);
    }
}
