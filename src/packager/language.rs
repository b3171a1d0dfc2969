//! Languages by the shortest tags that players know them by (BCP 47, RFC 5646).

/// Codes of three letters (ISO 639-2), those of bibliography before those of terminology, with those of two (ISO 639-1).
const CODES: &str = "aar aa, abk ab, afr af, aka ak, alb sq, sqi sq, amh am, ara ar, arg an, arm hy, hye hy, asm as, \
                     ava av, ave ae, aym ay, aze az, bak ba, bam bm, baq eu, eus eu, bel be, ben bn, bih bh, bis bi, \
                     bos bs, bre br, bul bg, bur my, mya my, cat ca, cha ch, che ce, chi zh, zho zh, chu cu, chv cv, \
                     cor kw, cos co, cre cr, cze cs, ces cs, dan da, div dv, dut nl, nld nl, dzo dz, eng en, epo eo, \
                     est et, ewe ee, fao fo, fij fj, fin fi, fre fr, fra fr, fry fy, ful ff, geo ka, kat ka, ger de, \
                     deu de, gla gd, gle ga, glg gl, glv gv, gre el, ell el, grn gn, guj gu, hat ht, hau ha, heb he, \
                     her hz, hin hi, hmo ho, hrv hr, hun hu, ibo ig, ice is, isl is, ido io, iii ii, iku iu, ile ie, \
                     ina ia, ind id, ipk ik, ita it, jav jv, jpn ja, kal kl, kan kn, kas ks, kau kr, kaz kk, khm km, \
                     kik ki, kin rw, kir ky, kom kv, kon kg, kor ko, kua kj, kur ku, lao lo, lat la, lav lv, lim li, \
                     lin ln, lit lt, ltz lb, lub lu, lug lg, mac mk, mkd mk, mah mh, mal ml, mao mi, mri mi, mar mr, \
                     may ms, msa ms, mlg mg, mlt mt, mon mn, nau na, nav nv, nbl nr, nde nd, ndo ng, nep ne, nno nn, \
                     nob nb, nor no, nya ny, oci oc, oji oj, ori or, orm om, oss os, pan pa, per fa, fas fa, pli pi, \
                     pol pl, por pt, pus ps, que qu, roh rm, rum ro, ron ro, run rn, rus ru, sag sg, san sa, sin si, \
                     slo sk, slk sk, slv sl, sme se, smo sm, sna sn, snd sd, som so, sot st, spa es, srd sc, srp sr, \
                     ssw ss, sun su, swa sw, swe sv, tah ty, tam ta, tat tt, tel te, tgk tg, tgl tl, tha th, tib bo, \
                     bod bo, tir ti, ton to, tsn tn, tso ts, tuk tk, tur tr, twi tw, uig ug, ukr uk, urd ur, uzb uz, \
                     ven ve, vie vi, vol vo, wel cy, cym cy, wln wa, wol wo, xho xh, yid yi, yor yo, zha za, zul zu";

/// Longest tag that is handed on, in bytes: longer than any in use (RFC 5646 section 4.4.1).
const TAG_MAX: usize = 35;

/// The shortest tag of a language that a file or a library states (RFC 5646 section 2.2.1): `eng` and `en` give `en`,
/// `pt_BR` gives `pt-BR`. `None` for none, for one that is not determined, and for text that is no tag.
pub fn tag(stated: &str) -> Option<String> {
    let stated = stated.trim().replace('_', "-");
    let (language, rest) =
        stated.split_once('-').map_or((&stated[..], None), |(language, rest)| (language, Some(rest)));
    let language = language.to_ascii_lowercase();
    let is_language = matches!(language.len(), 2..=8) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_unknown = ["und", "mis", "mul", "zxx"].contains(&&language[..]);
    if stated.len() > TAG_MAX || !is_language || is_unknown {
        return None;
    }
    let language = shortest(&language).unwrap_or(&language);
    match rest {
        None => Some(language.to_owned()),
        Some(rest) => rest.split('-').all(is_subtag).then(|| format!("{language}-{rest}")),
    }
}

/// The code of three letters for a tag (bibliography, ISO 639-2), where its language has one.
pub fn three_letters(tag: &str) -> Option<&'static str> {
    let language = tag.split('-').next()?;
    pairs().find(|(long, short)| *short == language || *long == language).map(|(long, _)| long)
}

fn shortest(language: &str) -> Option<&'static str> {
    pairs().find(|(long, _)| *long == language).map(|(_, short)| short)
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    CODES.split(", ").filter_map(|pair| pair.split_once(' '))
}

fn is_subtag(text: &str) -> bool {
    (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stated: &str, expected: Option<&str>) {
        assert_eq!(tag(stated).as_deref(), expected, "{stated:?}");
    }

    #[test]
    fn tags_are_the_shortest() {
        check("eng", Some("en"));
        check("ENG", Some("en"));
        check("ger", Some("de"));
        check("deu", Some("de"));
        check("heb", Some("he"));
        check("fil", Some("fil"));
        check("en-US", Some("en-US"));
        check("por_BR", Some("pt-BR"));
        check("zh-Hant-TW", Some("zh-Hant-TW"));
        check("und", None);
        check("", None);
        check("x", None);
        check("English (US)", None);
        check("en-\"", None);
        check("en--us", None);
        check(&format!("en{}", "-abcd".repeat(9)), None);
    }

    #[test]
    fn every_code_is_whole() {
        assert!(pairs().all(|(long, short)| (long.len(), short.len()) == (3, 2)));
        assert_eq!(pairs().count(), CODES.matches(',').count() + 1);
    }

    #[test]
    fn codes_of_three_letters() {
        assert_eq!(
            ["de", "en-US", "fr", "fil", "xx"].map(three_letters),
            [Some("ger"), Some("eng"), Some("fre"), None, None]
        );
    }
}
