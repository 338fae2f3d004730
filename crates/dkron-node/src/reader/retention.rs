//! Which jobs have an age at which their finished executions go.

use dkron_core::domain::JobNo;

use super::Index;
use crate::service::AgedPage;

/// Jobs looked at for one answer.
const JOBS: usize = 500;

/// The next jobs behind `after` by number. Whoever does not lead has none to look at.
pub fn aged(index: &Index, after: Option<JobNo>) -> AgedPage {
    if index.office.is_none() {
        return AgedPage::default();
    }
    let mut page = AgedPage::default();
    let of_cluster = index.settings.as_ref().and_then(|settings| settings.keep_for);
    let mut looked_at = 0;
    for row in index.table.behind(after).take(JOBS) {
        looked_at += 1;
        page.last = Some(row.job_no);
        let keep_for = row.job.policy().keep_for.or(of_cluster);
        if let Some(keep_for) = keep_for.filter(|_| !row.deleted) {
            page.jobs.push((row.job_no, keep_for));
        }
    }
    if looked_at < JOBS {
        page.last = None;
    }
    page
}
