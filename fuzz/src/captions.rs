//! Files of captions: what is read of them is written in segments, and the whole is read as the same.

use vedette::media::time::Micros;
use vedette::packager::captions;
use vedette::packager::timeline::Window;

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) {
    let Ok(cues) = captions::parse(bytes) else { return };
    assert!(cues.len() <= captions::CUES_MAX);
    assert!(cues.is_sorted_by_key(|cue| cue.start), "cues come by their times");
    for cue in &cues {
        assert!(cue.start < cue.end && cue.start.0 >= 0, "{cue:?}");
        assert!(cue.text.len() <= captions::TEXT_MAX && !cue.text.contains("-->"), "{cue:?}");
    }
    let _ = captions::segment(&cues, Micros(0), Micros(6_000_000), Micros(0), None);
    let _ = captions::json(&cues);
    let whole = captions::whole(&cues, Window::default());
    if whole.len() <= captions::BYTES_MAX {
        let again = captions::parse(whole.as_bytes()).expect("what was written is read");
        let places =
            |cues: &[captions::Cue]| cues.iter().map(|cue| (cue.start.0 / 1000, cue.text.clone())).collect::<Vec<_>>();
        assert_eq!(places(&cues), places(&again));
    }
}
