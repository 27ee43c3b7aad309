use serde_json::{Value, json};

use super::*;
use crate::{phone::Phone, store::tests::friday};

/// A lead of whom these things are known.
fn lead(phone: &str, known: &Value) -> Row {
    let phone = Phone::parse(phone).unwrap();
    Row { phone, known: known.as_object().unwrap().clone(), consent: Vec::new() }
}

/// Leads with words that are not easy to write.
fn leads() -> Vec<Row> {
    let known = json!({
        "first_name": "Ana", "last_name": "O'Neil, \"Jr\" & <sons>", "email": "ana@example.com",
        "city": "Naperville", "state": "IL", "postal_code": "60540", "notes": "likes &amp; says: a\nb",
        "timeframe": "by spring", "trade_in": "2012 Subaru Forester", "vehicle_interest": "ein Auto für 5",
    });
    vec![lead("+16305550111", &known), lead("+16305550112", &json!({}))]
}

#[test]
fn leads_come_back_from_each_form_as_they_were_written() {
    for form in ALL {
        let text = form.write(&leads(), "Nair & Sons").unwrap();
        let read: Vec<Row> = form.read(&text).unwrap().into_iter().flatten().collect();
        assert_eq!(read, leads(), "{}: {text}", form.name());
        let again = form.write(&read, "Nair & Sons").unwrap();
        assert_eq!(again, text, "{}", form.name());
        assert_eq!(connector(form.name()).unwrap().name(), form.name());
        assert!(form.read(&form.write(&[], "x").unwrap()).unwrap().is_empty());
    }
    let unknown = connector("fax").unwrap_err();
    assert!(unknown.message().ends_with("there are adf and csv"), "{unknown}");
}

#[test]
fn what_only_a_table_has_a_place_for_comes_back_from_it() {
    let mut whole = lead("+16305550111", &json!({ "best_time": "evening", "language": "es-US" }));
    whole.consent = vec!["email", "sms"];
    let text = Comma.write(std::slice::from_ref(&whole), "x").unwrap();
    assert_eq!(Comma.read(&text).unwrap(), [Some(whole)]);
}

/// As other programs write it: the heading in capitals, a full name, CDATA, a vehicle by its parts.
const FOREIGN: &str = r#"<?ADF VERSION "1.0"?>
<?XML VERSION "1.0"?>
<ADF><prospect status="new"><id sequence="1" source="x">7</id>
<requestdate>2026-11-20T12:00:00-06:00</requestdate>
<vehicle interest="buy" status="used"><year>2019</year><make>Honda</make><model>CR-V</model></vehicle>
<vehicle interest="trade-in"><year>2010</year><make>Ford</make><model>Focus</model></vehicle>
<customer><contact><name part="full" type="individual"><![CDATA[Bo & Co]]></name>
<phone type="fax">none</phone><phone type="voice" time="day">(630) 555-0113</phone></contact>
<comments>Call &#109;e &amp; write</comments></customer>
<vendor><contact><name part="full">Somebody else</name><phone>+16305550199</phone></contact></vendor>
</prospect><prospect><customer><contact><email>a@b.c</email></contact></customer></prospect></ADF>"#;

#[test]
fn prospects_of_other_programs_are_read() {
    let expected = json!({ "first_name": "Bo & Co", "notes": "Call me & write",
        "trade_in": "2010 Ford Focus", "vehicle_interest": "2019 Honda CR-V" });
    let read = Adf.read(FOREIGN).unwrap();
    assert_eq!(read, [Some(lead("+16305550113", &expected)), None], "the second has no number");
}

#[test]
fn what_is_no_adf_is_refused_and_not_quoted() {
    let deep = format!("<adf>{}", "<a>".repeat(100));
    let laughs = "<adf><!DOCTYPE a [<!ENTITY b \"secret\">]><prospect/></adf>";
    for text in
        ["", "secret", "<adf><prospect>secret", "<adf></b></adf></adf>secret<", &deep, laughs]
    {
        let error = Adf.read(text).unwrap_err();
        assert_eq!(error.kind(), voiceagent_core::ErrorKind::Config, "{text}");
        assert!(!error.message().contains("secret"), "{error}");
    }
    // A cut at any place is noticed, or nothing but what stands behind the last prospect is missing.
    for (end, _) in FOREIGN.char_indices().skip(1) {
        if let Ok(read) = Adf.read(&FOREIGN[..end]) {
            assert_eq!(read.len(), 2, "{end}");
        }
    }
}

#[tokio::test]
async fn leads_go_into_a_house_out_of_it_and_into_another_one() {
    for form in ALL {
        let (one, other) = (Store::fresh().await, Store::fresh().await);
        one.seed(friday()).await.unwrap();
        other.seed(friday()).await.unwrap();
        let text = form.write(&leads(), "x").unwrap();
        let expected = Imported { new: 2, known: 0, unreadable: 0 };
        let taken = import(&one, (form, &text), "their system", friday()).await.unwrap();
        assert_eq!(taken, expected, "{}", form.name());
        let again = import(&one, (form, &text), "their system", friday()).await.unwrap();
        assert_eq!((again.new, again.known), (0, 2), "{}", form.name());
        let handed_on = export(&one, form).await.unwrap();
        assert_eq!(import(&other, (form, &handed_on), "us", friday()).await.unwrap().new, 2);
        assert_eq!(export(&other, form).await.unwrap(), handed_on, "{}", form.name());
        let ana = other.lead_by_phone(&Phone::parse("+16305550111").unwrap()).await.unwrap();
        assert_eq!(ana.vehicle_interest.as_deref(), Some("ein Auto für 5"));
    }
}
