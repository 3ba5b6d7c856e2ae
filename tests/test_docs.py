"""What the documents show is what runs: code blocks, generated tables, the table of classes, links between pages."""

import json
import re
import runpy
import subprocess
import sys
import warnings
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from networks import policy_of
from PIL import Image
from streets import street_vector_env

import p2p_market
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.config_data import AusgridData
from p2p_market.config_loading import load_config
from p2p_market.devices import DEVICES
from p2p_market.errors import MissingExtraError
from p2p_market.kpis import GROUPS, KPIS
from p2p_market.results import RUN_FOLDER

ROOT = Path(__file__).parents[1]
LIBRARIES = ("torch", "torchrl", "stable_baselines3", "supersuit", "pufferlib", "ray", "skrl", "agilerl")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
MECHANISM_PAGES = sorted((ROOT / "docs" / "mechanisms").glob("*.md"))
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def python_blocks() -> list[tuple[str, str]]:
    blocks = []
    for page in PAGES:
        for number, match in enumerate(CODE_BLOCK.finditer(page.read_text(encoding="utf-8")), start=1):
            blocks.append((f"{page.relative_to(ROOT)}-{number}", match.group(1)))
    return blocks


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in python_blocks()])
def test_code_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    if "runs/mine" in code:  # what a training would have written
        policy_of(street_vector_env(1, 5)).save(tmp_path / "runs" / "mine" / "best.npz")
    with warnings.catch_warnings():
        if any(library in code for library in LIBRARIES):
            warnings.simplefilter("ignore")  # theirs
        try:
            exec(compile(code, "<block>", "exec"), {"__name__": "__main__"})  # noqa: S102 (our own documents)
        except MissingExtraError as error:
            pytest.skip(str(error))
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in LIBRARIES:
                raise
            pytest.skip(f"needs {error.name}")
    assert code.strip()


def test_readme_has_code_to_run() -> None:
    assert any(name.startswith("README") for name, _ in python_blocks())


def test_what_is_fetched_lies_where_the_configuration_looks_for_it() -> None:
    config = "configs/ausgrid_street.yaml"
    data = load_config(ROOT / config).data
    assert isinstance(data, AusgridData)
    command = f"p2p-market data fetch --folder {data.path}\n"
    assert command + f"p2p-market run {config}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert command.strip() in (ROOT / config).read_text(encoding="utf-8")


def test_generated_reference_is_up_to_date() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))["reference"]()
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == reference, "run: python docs/generate_reference.py"
    with_key_figures = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))["with_key_figures"]
    results = ROOT / "docs" / "results.md"
    assert results.read_text(encoding="utf-8") == with_key_figures(results), "run: python docs/generate_reference.py"


def test_tables_of_tasks_are_up_to_date() -> None:
    with_tasks = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))["with_tasks"]
    for page in (ROOT / "README.md", ROOT / "docs" / "tasks.md"):
        assert page.read_text(encoding="utf-8") == with_tasks(page), "run: python docs/generate_reference.py"


def test_tables_of_devices_are_up_to_date_and_complete() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))
    page = ROOT / "docs" / "devices.md"
    text = page.read_text(encoding="utf-8")
    assert text == made["with_devices"](page), "run: python docs/generate_reference.py"
    for kind, entry in DEVICES.items():
        tables = text.split(f"<!-- {kind}: begin -->\n")[1].split(f"<!-- {kind}: end -->\n")[0]
        named = re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE)
        assert named == [*(field.name for field in fields(entry.design)), *entry.features, *entry.key_figures]
        for stated in (entry.component, entry.default, entry.cost):
            assert stated in tables
    assert re.findall(r"^<!-- (\w+): begin -->$", text, re.MULTILINE) == list(DEVICES)


def test_tables_of_promises_are_up_to_date() -> None:
    with_properties = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))["with_properties"]
    for page in MECHANISM_PAGES:
        written = page.read_text(encoding="utf-8")
        assert written == with_properties(page), f"{page.name}: run python docs/generate_reference.py"


def test_every_mechanism_has_a_page_of_one_plan() -> None:
    assert {page.stem for page in MECHANISM_PAGES} == set(MECHANISMS)
    plan = ["Rule", "Example", "Properties", "Edge cases", "When to use it", "Elsewhere", "Source"]
    for page in MECHANISM_PAGES:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem}\n"), page.name
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == plan, page.name


def test_pictures_of_examples_show_what_the_examples_give() -> None:
    examples = list(runpy.run_path(str(ROOT / "docs" / "draw_examples.py"))["examples"]())
    assert {example.mechanism for example in examples} == set(MECHANISMS)
    assert {example.picture for example in examples} == set((ROOT / "docs" / "images" / "mechanisms").glob("*.png"))
    for example in examples:
        with Image.open(example.picture) as picture:
            shown = json.loads(picture.text["Description"])
        assert shown == json.loads(example.numbers()), f"{example.picture.name}: run python docs/make_images.py"
        assert example.picture.stat().st_size < 40_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name} links to {target}"


def test_the_readme_leads_to_every_page() -> None:
    """The pages of a folder stand on the page of its name."""
    for page in PAGES:
        is_top = page.parent in (ROOT, ROOT / "docs")
        leader = ROOT / "README.md" if is_top else page.parent.with_suffix(".md")
        if page != leader:
            link = f"({page.relative_to(leader.parent).as_posix()}"
            assert link in leader.read_text(encoding="utf-8"), f"{leader.name} does not lead to {page.name}"


def test_configurations_in_the_documents_are_valid() -> None:
    blocks = [text for page in PAGES for text in YAML_BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert blocks
    for block in blocks:
        load_config(yaml.safe_load(block))


def test_the_page_of_results_names_everything_that_a_run_gives() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    overrides = {"run.days": 1, "run.trades": True, "data.days": 2, "data.num_homes": 8}
    results = p2p_market.run(num_households=4, overrides=overrides)
    assert results.trades is not None
    sections = {
        "Columns of households": results.households.columns,
        "Columns of intervals": results.intervals.columns,
        "Columns of trades": results.trades.columns,
    }
    for title, names in sections.items():
        section = page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
        first_cells = " ".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
        assert set(names) <= set(re.findall(r"`(\w+)`", section)), title
        assert set(re.findall(r"`(\w+)`", first_cells)) <= set(names), title
    for name in RUN_FOLDER[1]:
        assert f"| `{name}` |" in page
    for name in KPIS:
        assert f"| `{name}` |" in page


def test_every_key_figure_is_in_the_glossary_and_of_some_run() -> None:
    pytest.importorskip("power_grid_model", reason="needs the extra power-flow")
    overrides = {
        "data": {"days": 12, "num_homes": 12, "controlled_load_share": 1.0},
        "run": {"days": 1, "start": "2012-07-09", "figures": False},
        "scenario.forecast": {"kind": "persistence", "horizon": 1},
        "market.settlement": "imbalance",
        "devices": {kind: {"owners": "all"} for kind in DEVICES},
    }
    of_devices = set(p2p_market.run(num_households=4, overrides=overrides).kpis)
    overrides |= {"devices": {}, "run.bounds": True, "market.settlement": "metered", "network": {}}
    overrides |= {"run.power_flow": True}
    with_bounds = set(p2p_market.run(num_households=4, overrides=overrides).kpis)
    assert of_devices | with_bounds == set(KPIS)
    assert {figure.group for figure in KPIS.values()} == set(GROUPS)


def diagram_rows() -> list[tuple[str, str, list[str]]]:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (.*?) \|", text, re.MULTILINE)
    return [(name, module, re.findall(r"`(\w+)`", members)) for name, module, members in rows]


def test_every_class_of_the_diagram_has_its_members() -> None:
    env = p2p_market.parallel_env(num_households=3, overrides={"data.days": 8})
    env.reset(seed=0)
    env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    controller = env.controller
    transition = controller.transition
    assert transition is not None
    instances = [
        env,
        p2p_market.vector_env(num_households=3, overrides={"data.days": 8}),
        controller,
        controller.model,
        controller.view,
        controller.model.scenario,
        transition.context,
        controller.operator,
        controller.operator.participants[0],
        controller.reward,
        controller.model.data_container,
    ]
    by_name = {type(instance).__name__: instance for instance in instances}
    rows = diagram_rows()
    assert {name for name, _, _ in rows} == set(by_name)
    for name, module, members in rows:
        assert type(by_name[name]).__module__ == module
        missing = [member for member in members if not hasattr(by_name[name], member)]
        assert not missing, f"{name} lacks {missing}"


@pytest.mark.parametrize("command", ["speed", "peers", "regret", "synthetic_vs_real", "tasks"])
def test_benchmark_explains_itself(command: str) -> None:
    finished = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", f"benchmarks.{command}", "--help"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert finished.returncode == 0, finished.stderr
    assert "--quick" in finished.stdout
