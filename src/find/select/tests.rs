//! Tests of choosing one of several matching instances.

use super::{Error, choose, near_misses};
use crate::aws::model::{Instance, State};
use crate::settings::Pick;
use crate::target::Selector;

fn instance(id: &str, name: &str, state: State, launched: i64) -> Instance {
    let name = (!name.is_empty()).then(|| name.to_owned());
    Instance { id: id.to_owned(), name, state, launched: Some(launched), ..Instance::default() }
}

fn name(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

fn chosen(selector: &Selector, found: &[Instance], pick: Pick) -> String {
    match choose(selector, None, found.to_vec(), pick) {
        Ok(instance) => instance.id,
        Err(Error::None) => "none".to_owned(),
        Err(Error::Several(candidates)) => {
            candidates.into_iter().map(|instance| instance.id).collect::<Vec<_>>().join(",")
        }
        Err(Error::NotRunning(instance)) => format!("{} {}", instance.id, instance.state.as_str()),
    }
}

#[test]
fn exact_goes_before_prefix_and_running_before_others() {
    use State::{Pending, Running, Stopped};
    let web = instance("a", "web", Running, 1);
    let web_1 = instance("b", "web-1", Running, 2);
    let web_2 = instance("c", "web-2", Running, 3);
    let old_web = instance("d", "web", Stopped, 0);
    let table: &[(&str, Vec<Instance>, Pick, &str)] = &[
        ("web", vec![], Pick::Only, "none"),
        ("web", vec![web.clone(), web_1.clone()], Pick::Only, "a"),
        ("web", vec![web_1.clone()], Pick::Only, "b"),
        ("web", vec![web_1.clone(), web_2.clone()], Pick::Only, "b,c"),
        ("web", vec![web_1.clone(), web_2.clone()], Pick::Newest, "c"),
        ("web", vec![web_1.clone(), web_2.clone()], Pick::Oldest, "b"),
        ("web", vec![old_web.clone(), web.clone()], Pick::Only, "a"),
        ("web", vec![old_web.clone(), web.clone()], Pick::Oldest, "a"),
        // The exact name is chosen although that instance is stopped and another one is running: ec2ssh never guesses.
        ("web", vec![old_web.clone(), web_1.clone()], Pick::Only, "d stopped"),
        ("web", vec![instance("e", "web", Pending, 1)], Pick::Only, "e pending"),
        ("web", vec![old_web.clone(), instance("f", "web", Stopped, 9)], Pick::Only, "d,f"),
        ("web", vec![old_web.clone(), instance("f", "web", Stopped, 9)], Pick::Newest, "f stopped"),
    ];
    for (typed, found, pick, expected) in table {
        assert_eq!(chosen(&name(typed), found, *pick), *expected);
    }
}

#[test]
fn only_names_have_exact_matches() {
    let found = [instance("a", "web", State::Running, 1), instance("b", "web-1", State::Running, 2)];
    let tag = Selector::Tag { key: "Env".into(), value: "prod".into() };
    assert_eq!(chosen(&tag, &found, Pick::Only), "a,b");
}

#[test]
fn near_misses_are_similar_names() {
    let all: Vec<Instance> = ["web-prod-1", "web-prod-2", "database", "Jump-Host", "", "x"]
        .iter()
        .map(|name| instance("i", name, State::Running, 0))
        .collect();
    let near = |typed: &str| near_misses(typed, &all, 3);
    assert_eq!(near("web-prdo-1"), ["web-prod-1", "web-prod-2"]);
    assert_eq!(near("jump-host"), ["Jump-Host"]);
    assert_eq!(near("base"), ["database"]);
    assert_eq!(near("databse"), ["database"]);
    assert!(near("something-else-entirely").is_empty());
}

/// `redis:6379` is an instance's name if there is one, else a name and a port.
#[test]
fn whole_name_beats_name_and_port() {
    let found = [instance("i-1", "redis", State::Running, 1), instance("i-2", "redis:6379", State::Running, 2)];
    let chosen = |found: &[Instance]| {
        choose(&name("redis"), Some("redis:6379"), found.to_vec(), Pick::Only).map(|found| found.id)
    };
    assert_eq!(chosen(&found), Ok("i-2".to_owned()));
    assert_eq!(chosen(&found[..1]), Ok("i-1".to_owned()));
}
