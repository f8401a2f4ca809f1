/**
 * The script on the page: one entry for each line, names in the margin as in a printed play.
 *
 * @typedef {import("./conversation.js").Line} Line
 */
import { byId, make } from "./dom.js";
import { seconds, t } from "./i18n.js";

export class ScriptView {
  /** @param {{name: () => string, language: () => string, timing: (line: Line) => void}} options */
  constructor(options) {
    this.options = options;
    this.list = byId("script");
    this.scroll = byId("script-scroll");
    this.empty = byId("script-empty");
    this.announcer = byId("announcer");
    /** @type {Map<string, HTMLElement>} */
    this.entries = new Map();
    /** @type {Set<string>} Lines that a screen reader has been told. */
    this.told = new Set();
  }

  clear() {
    this.list.replaceChildren();
    this.entries.clear();
    this.told.clear();
    this.empty.hidden = false;
  }

  /**
   * Shows a line as it is now.
   * @param {Line} line
   * @param {boolean} [old] Lines of the past are not announced.
   */
  show(line, old = false) {
    const atEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 80;
    if (line.text === "") return this.remove(line, atEnd);
    const entry = this.drawEntry(line);
    const before = this.entries.get(line.id);
    if (before) before.replaceWith(entry);
    else this.list.append(entry);
    this.entries.set(line.id, entry);
    this.empty.hidden = true;
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
    if (line.final && !old) this.announce(line);
  }

  /**
   * A line without words keeps its place, so that what is said first stands first.
   * @param {Line} line
   * @param {boolean} atEnd
   */
  remove(line, atEnd) {
    const before = this.entries.get(line.id);
    if (line.final) {
      before?.remove();
      this.entries.delete(line.id);
    } else if (!before) {
      const place = make("li", { class: "line", hidden: true });
      this.list.append(place);
      this.entries.set(line.id, place);
    }
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  /** @param {Line} line */
  drawEntry(line) {
    if (line.who === "note") return make("li", { class: "line note" }, make("p", {}, line.text));
    const name = line.who === "you" ? t("you") : this.options.name();
    return make("li", { class: `line ${line.who}${line.final ? "" : " partial"}`, "data-item": line.id, "data-final": line.final ? "true" : "false" },
      make("span", { class: "line-who" }, name),
      make("div", { class: "line-body" },
        make("p", { class: "line-words", lang: this.options.language() }, ...words(line)),
        this.drawTiming(line)));
  }

  /** @param {Line} line */
  drawTiming(line) {
    if (!line.latency) return null;
    const total = seconds(line.latency.total_ms);
    const button = make("button", { type: "button", class: "line-time", "aria-label": t("timing_show", { total }) }, total);
    button.addEventListener("click", () => this.options.timing(line));
    return button;
  }

  /** @param {Line} line */
  announce(line) {
    if (this.told.has(line.id)) return;
    this.told.add(line.id);
    const name = line.who === "you" ? t("you") : line.who === "persona" ? this.options.name() : "";
    this.announcer.textContent = name ? `${name}: ${line.heard ?? line.text}` : line.text;
  }
}

/**
 * The words of a line; of one that was cut, what was not heard is marked.
 * @param {Line} line
 * @returns {(Node | string)[]}
 */
function words(line) {
  if (!line.cut) return [line.text];
  const heard = line.heard ?? line.text;
  const rest = line.text.slice(heard.length);
  const mark = make("span", { class: "cut" }, t("interrupted"));
  if (rest.trim() === "") return [heard, " ", mark];
  return [heard, make("s", { title: t("not_heard") }, rest), " ", mark];
}
