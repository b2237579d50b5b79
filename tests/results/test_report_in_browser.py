"""The report's page in Chromium: mouse, keyboard, a phone, and nothing asked of the network.

Skips where there is no chromium, no chromedriver or no selenium.
"""

import json
import shutil

import pytest
from results.test_report import COLORS, LABELS, NASTY, PICTURE, TWO, instances

from segmentation.results.report import BARS, Report

pytestmark = pytest.mark.loopback  # selenium talks to chromedriver on this machine
FLAGS = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync")
DESKTOP, PHONE = (1280, 800), (360, 640)
MANY = instances(*((i % 20, 25 * (i % 15), 20 * (i // 15), 25 * (i % 15) + 12, 20 * (i // 15) + 9) for i in range(40)))
PHOTOS = {"a.jpg": TWO, "b.jpg": instances((0, 100, 100, 200, 200)), "long" * 30 + NASTY: instances(), "many.jpg": MANY}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Chromium without a window, driven by selenium."""
    webdriver = pytest.importorskip("selenium.webdriver")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no chromium or no chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def page(chromium, tmp_path, request):
    """A page of four photos and a failure, as a Page; on a desktop or at the size that the test names.

    In the end nothing may stand in the console, and nothing may have been asked for but the page itself.
    """
    path = tmp_path / "r.html"
    with Report(path, "Run") as report:
        for name, found in PHOTOS.items():
            report.add(name, PICTURE, found, LABELS, [COLORS[i % 4] for i in range(len(found))])
        report.add_failure("broken.jpg", "cannot read broken.jpg: it is no photo of a known format")
    width, height = getattr(request, "param", DESKTOP)
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": (width, height) == PHONE})
    chromium.get("about:blank")
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    chromium.get(path.as_uri())
    yield Page(chromium)
    assert not chromium.get_log("browser")
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    # Chromium's own start tab goes on loading its chrome:// pages for a while (seen in Chromium 150).
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
             and not event["params"]["documentURL"].startswith("chrome")}
    assert path.as_uri() in asked
    assert {url.split(":")[0] for url in asked - {path.as_uri()}} <= {"data"}


class Page:
    """What the tests do with a page and see of it."""

    def __init__(self, driver):
        self.driver, self.run = driver, driver.execute_script

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def press(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def click_picture(self, article, x, y):
        """Click a pixel of the picture of an article, counted from 1."""
        stage = self.all(f"article:nth-of-type({article}) .stage")[0]
        self.run("arguments[0].scrollIntoView({block: 'center'})", stage)
        left, top, width, height = self.run("const r = arguments[0].getBoundingClientRect();"
                                            "return [r.x, r.y, r.width, r.height]", stage)
        at = {"x": left + x * width / PICTURE.shape[1], "y": top + y * height / PICTURE.shape[0], "button": "left",
              "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **at})

    def focus(self):
        """What has the focus, by its text on one line."""
        return " ".join(self.driver.switch_to.active_element.text.split())

    def singled_out(self):
        """(picture, object) by their places of what is singled out, by the pressed buttons."""
        return [tuple(pair) for pair in self.run("""
            return [...document.querySelectorAll("article")].flatMap((article, a) =>
              [...article.querySelectorAll(".objects button")].flatMap((button, b) =>
                button.getAttribute("aria-pressed") === "true" ? [[a, b]] : []))""")]

    def shown(self):
        """The names of the pictures that are not filtered out."""
        return self.run('return [...document.querySelectorAll("article:not([hidden]) h2")].map(h => h.textContent)')


def keys():
    from selenium.webdriver.common.keys import Keys
    return Keys


def test_a_click_in_the_list_singles_out_the_mask_and_a_second_lets_go(page):
    dog = page.all("article:first-of-type .objects button")[1]
    dog.click()
    assert page.singled_out() == [(0, 1)]
    veil, shape = (page.all(f"article:first-of-type {path}")[0] for path in (".veil", "[data-object='1']"))
    assert veil.get_attribute("d").endswith(shape.get_attribute("d"))
    page.run("document.getAnimations().forEach(animation => animation.finish())")
    assert veil.value_of_css_property("opacity") == "1" and shape.value_of_css_property("opacity") == "0"
    assert veil.value_of_css_property("stroke") == "rgb(0, 255, 0)"
    dog.click()
    page.run("document.getAnimations().forEach(animation => animation.finish())")
    assert not page.singled_out()
    assert veil.value_of_css_property("opacity") == "0" and shape.value_of_css_property("opacity") == "1"


@pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True)
def test_a_click_in_the_picture_singles_out_the_object_there(page):
    page.click_picture(1, 75, 150)
    assert page.singled_out() == [(0, 0)] and page.all(".picked")[0].text == "person 0.9000"
    page.click_picture(1, 290, 160)
    assert page.singled_out() == [(0, 1)]
    page.click_picture(1, 160, 10)  # none there
    assert not page.singled_out() and not page.all(".picked")[0].text


def test_an_object_chosen_in_the_picture_is_in_sight_in_a_long_list(page):
    page.click_picture(4, 25 * 9 + 6, 20 * 2 + 4)
    assert page.singled_out() == [(3, 39)]
    assert page.run("""
        const list = document.querySelector("article:nth-of-type(4) .objects"), outer = list.getBoundingClientRect();
        const inner = list.children[39].getBoundingClientRect();
        return list.scrollHeight > list.clientHeight && inner.top >= outer.top && inner.bottom <= outer.bottom""")


def test_the_keyboard_alone_does(page):
    key = keys()
    stops = []
    for _ in range(7):
        page.press(key.TAB)
        stops.append(page.focus())
        assert page.run("return document.activeElement.matches(':focus-visible')")
        assert page.run("return getComputedStyle(document.activeElement).outlineWidth") == "3px"
    assert [stop.split(" ")[0] for stop in stops] == ["To", "1", "person", "12", "person", "person", "person"]
    assert stops[4].startswith("person 0.9000 box 100") and stops[5].startswith("person 0.9000 box 100 \u00d7 100")
    page.all("article:first-of-type .objects button")[0].send_keys(key.ENTER)
    assert page.singled_out() == [(0, 0)]
    page.press(key.ARROW_DOWN)
    assert page.focus().startswith("dog") and page.singled_out() == [(0, 0)]
    page.press(key.SPACE)
    assert page.singled_out() == [(0, 1)]
    page.press(key.ARROW_DOWN, key.HOME, key.END, key.ESCAPE)
    assert page.focus().startswith("dog") and not page.singled_out()
    page.press(key.TAB, key.SHIFT + key.TAB)
    assert page.focus().startswith("dog")  # the list remembers where one was


def test_a_bar_shows_the_pictures_of_its_class(page):
    person, dog = page.all(".bars button")[:2]
    everything = page.shown()
    assert len(everything) == 5 and everything[2] == "long" * 30 + NASTY
    dog.click()
    assert page.shown() == ["a.jpg", "many.jpg"]
    assert page.all(".filter")[0].text.startswith("Shown: 2 of 4 pictures, those with dog.")
    person.click()
    assert page.shown() == ["a.jpg", "b.jpg", "many.jpg"] and dog.get_attribute("aria-pressed") == "false"
    page.all(".filter button")[0].click()
    assert page.shown() == everything and page.all(".filter")[0].text == ""
    person.click()
    person.click()
    assert page.shown() == everything


def test_folded_classes_can_be_reached(page):
    page.all("summary")[0].click()
    page.all(".bars button")[BARS].click()
    assert page.shown() == ["many.jpg"]


@pytest.mark.parametrize("page", [DESKTOP, PHONE, (320, 568)], indirect=True)
def test_nothing_is_wider_than_the_window(page):
    page.all("summary")[0].click()
    page.run("document.querySelectorAll('article').forEach(a => a.style.contentVisibility = 'visible')")
    assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.run("return Math.max(...[...document.querySelectorAll('h1, h2, .stage, button, p')].map("
                    "e => e.getBoundingClientRect().right)) <= document.documentElement.clientWidth")


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_a_finger_hits_what_can_be_pressed(page):
    page.all("summary")[0].click()
    page.run("document.querySelectorAll('article').forEach(a => a.style.contentVisibility = 'visible')")
    page.all(".bars button")[0].click()
    heights = page.run("return [...document.querySelectorAll('a, button, summary')].filter(e => e.checkVisibility())"
                       ".map(e => e.getBoundingClientRect().height)")
    assert len(heights) > 40 and min(heights) >= 44


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_the_picture_stays_in_sight_beside_its_list(page):
    page.all("article:nth-of-type(4) .objects button")[30].send_keys(keys().ENTER)
    top, bottom, row = page.run("""
        const article = document.querySelector("article:nth-of-type(4)");
        const stage = article.querySelector(".stage").getBoundingClientRect();
        return [stage.top, stage.bottom, document.activeElement.getBoundingClientRect().top]""")
    assert top >= 0 and bottom <= row and page.singled_out() == [(3, 30)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(page, scheme):
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})
    names = ("page", "raised", "text", "quiet", "accent")
    colors = {name: page.run(f"return getComputedStyle(document.documentElement).getPropertyValue('--{name}')").strip()
              for name in names}
    for paper in ("page", "raised"):
        assert min(contrast(colors[name], colors[paper]) for name in ("text", "quiet", "accent")) >= 4.5
    assert (luminance(colors["page"]) < 0.1) == (scheme == "dark")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def luminance(color):
    """The relative luminance of #rrggbb, by WCAG 2."""
    parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """The contrast ratio of two colours, 1 to 21, by WCAG 2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_nothing_moves_for_those_who_ask_for_that(page):
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    page.all("article:first-of-type .objects button")[0].click()
    assert page.run("return document.getAnimations().length") == 0
    assert page.all(".veil")[0].value_of_css_property("opacity") == "1"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_everything_that_can_be_pressed_has_a_name(page):
    page.all("summary")[0].click()
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {node["role"]["value"]: [] for node in nodes if "role" in node}
    for node in nodes:
        if not node.get("ignored") and "role" in node:
            named[node["role"]["value"]].append(node.get("name", {}).get("value", ""))
    for role in ("button", "image", "toolbar", "link", "heading"):
        assert named[role] and all(named[role]), role
    assert f"Objects in {next(iter(PHOTOS))}" in named["toolbar"]
