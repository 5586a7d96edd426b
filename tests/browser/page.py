"""mitmweb as a person uses it: the list of flows, the details of one, views, editing, resuming.

Both mitmweb 11 and 12; where their pages differ, what is common to both is looked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PATIENCE = 15.0  # seconds until something is shown that should be
CLIENT, PROVIDER = "the client's side", "the provider's side"  # of a turn, as the list tells them apart
_ROWS = """
return [...document.querySelectorAll('.flow-table tbody tr')].filter(row => row.cells.length).map(row => {
  const text = name => { const cell = row.querySelector('.col-' + name); return cell ? cell.textContent.trim() : ''; };
  return {
    comment: text('comment'), status: text('status'),
    held: row.classList.contains('intercepted'), answered: row.classList.contains('has-response'),
  };
});
"""
# innerText of a <div> a line: an empty line is a <div> too, which holds a space of some kind.
_BODY = """
const shown = document.querySelector('.contentview pre');
return shown && [...shown.children].map(line => line.textContent.replace(/^\\u00a0$/, '')).join('\\n');
"""
_EDITOR = ".cm-content, .CodeMirror"
# Typing is observed, handed to the page's state and drawn in tasks of their own: two frames, and what came with them.
_SETTLED = """
const done = arguments[arguments.length - 1];
requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300)));
"""
_CLICK = """
const [selector, text] = arguments;
const found = [...document.querySelectorAll(selector)].filter(
  one => one.innerText.trim().toLowerCase() === text.toLowerCase() && one.getClientRects().length && !one.disabled);
if (found.length) found[0].click();
return found.length;
"""


class NotShown(AssertionError):
    """The page did not come to show something; the text holds what it shows instead."""


@dataclass(frozen=True)
class Row:
    """A line of the list of flows. held: it waits for somebody to resume it."""

    comment: str
    status: str
    held: bool
    answered: bool

    @property
    def side(self) -> str:
        return PROVIDER if self.comment.startswith("↳") else CLIENT


class Page:
    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        driver.get(address)
        self.until(lambda: driver.execute_script("return !!document.querySelector('#container')"), "mitmweb's page")

    # --- looking

    def rows(self) -> list[Row]:
        return [Row(**found) for found in self.driver.execute_script(_ROWS)]

    def row(self, side: str = CLIENT) -> Row | None:
        """The last of this side."""
        return next((row for row in reversed(self.rows()) if row.side == side), None)

    def told(self, side: str = CLIENT) -> str:
        """Its comment, "" while there is none."""
        row = self.row(side)
        return row.comment if row else ""

    def body(self) -> str:
        """The text of the view that is open; "" while there is none."""
        return self.driver.execute_script(_BODY) or ""

    @property
    def view_name(self) -> str:
        return str(self.driver.execute_script("return document.querySelector('.contentview h5')?.innerText || ''"))

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """The first true value of the condition. Raises NotShown."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                shown = self.driver.execute_script("return document.body.innerText")
                raise NotShown(f"{what} is not shown within {seconds:.0f} s, but:\n{shown[:3000]}")
            time.sleep(0.05)
        return found

    def shows(self, *texts: str) -> str:
        """Waits until the open view holds all of these; gives its text."""
        self.until(lambda: all(text in self.body() for text in texts), f"a view with {texts}")
        return self.body()

    # --- acting

    def open(self, tab: str, side: str = CLIENT) -> None:
        """The details of the last flow of this side."""
        self.until(lambda: self.row(side), side)
        self.open_number(max(i for i, row in enumerate(self.rows()) if row.side == side), tab)

    def open_number(self, number: int, tab: str) -> None:
        """The details of a flow by its place in the list, from 0."""
        script = (
            "[...document.querySelectorAll('.flow-table tbody tr')].filter(r => r.cells.length)[arguments[0]].click()"
        )
        self.driver.execute_script(script, number)
        self.until(lambda: self._click(".flow-detail nav a", tab), f"the tab {tab}")
        self.until(self.body, f"the body of the {tab.lower()}")

    def choose(self, view: str) -> None:
        """A view of the menu above the body; "auto" lets mitmproxy choose."""
        self.driver.execute_script("[...document.querySelectorAll('.contentview .controls a')].at(-1).click()")
        self.until(lambda: self._click(".dropdown-menu a", view), f"view {view}")
        self.until(lambda: view == "auto" or self.view_name.lower() == view.lower(), f"the view {view}")

    def scroll_to_body(self) -> None:
        self.driver.execute_script("document.querySelector('.contentview').scrollIntoView()")

    def edit(self, change: Callable[[str], str]) -> None:
        """The body that is open, by the editor of the page: all is marked and typed anew."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        text = change(self.content())
        self.begin_edit()
        self.driver.find_element(By.CSS_SELECTOR, _EDITOR).click()
        self.driver.switch_to.active_element.send_keys(Keys.CONTROL + "a")
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
        self.settle()
        self.end_edit()
        self.until(lambda: self.content() == text, "the changed body")

    def begin_edit(self) -> None:
        self.until(lambda: self._click(".contentview .controls button", "Edit"), "the button Edit")
        # The editor is there before its text is, which would take the place of what is typed until then.
        text = "return [...document.querySelectorAll('.cm-line, .CodeMirror-line')].some(one => one.innerText.trim())"
        self.until(lambda: self.driver.execute_script(text), "the editor with the body in it")

    def settle(self) -> None:
        """Let the page take in what was typed: *Done* pressed in the same moment, as no person can, sends the old text."""
        self.driver.execute_async_script(_SETTLED)

    def end_edit(self) -> None:
        self.until(lambda: self._click(".contentview .controls button", "Done"), "the button Done")

    def content(self) -> str:
        """The body that the details are open for, as mitmweb hands it out."""
        path, _, message = self.driver.execute_script("return location.hash")[1:].partition("?")[0].rpartition("/")
        script = "return fetch(arguments[0]).then(answer => answer.text())"
        return str(self.driver.execute_script(script, f".{path}/{message}/content.data"))

    def resume(self) -> None:
        self.until(lambda: self._click(".flow-menu button", "Resume"), "the button Resume")

    def search(self, text: str) -> list[Row]:
        """What is left in the list when this is written into the field *Search*."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        self.until(lambda: self._click(".nav-tabs a, header nav a", "Flow List"), "the tab of the list")
        by = (By.CSS_SELECTOR, "input[placeholder=Search]")
        self.until(lambda: self.driver.find_elements(*by), "the field Search")
        field = self.driver.find_element(*by)
        field.click()
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(Keys.DELETE)
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
        self.settle()
        wrong = self.driver.execute_script("return document.querySelectorAll('.filter-input.has-error').length")
        assert not wrong, f"mitmweb does not understand {text}"
        return self.rows()

    def set_option(self, name: str, value: str) -> None:
        """As in the dialog of options: what the page itself sends."""
        script = """
        const cookie = (document.cookie.match(/_xsrf[^=]*=([^;]+)/) || [])[1] || '';
        const headers = {'content-type': 'application/json', 'x-xsrftoken': cookie};
        return fetch('./options', {method: 'PUT', headers, body: JSON.stringify({[arguments[0]]: arguments[1]})})
          .then(answer => answer.status);
        """
        status = self.driver.execute_script(script, name, value)
        assert status == 200, f"mitmweb refused {name}={value}: {status}"

    def _click(self, selector: str, text: str) -> int:
        return int(self.driver.execute_script(_CLICK, selector, text))


def replaced(text: str, old: str, new: str) -> str:
    """The text with something else in it, which has to be there: quotes and the like as JSON writes them."""
    old, new = (json.dumps(one, ensure_ascii=False)[1:-1] for one in (old, new))
    assert old in text, f"{old!r} is not in {text[:500]!r}"
    return text.replace(old, new)
