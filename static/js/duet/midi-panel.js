/** Choosing MIDI devices. */
import { byId } from "../dom.js";
import { onLanguage, t } from "../i18n.js";
import { options } from "./controls.js";
import { Ports } from "./ports.js";

export class MidiPanel {
  /**
   * @param {import("./ports.js").OnMidi} midi
   * @param {(elsewhere: boolean) => void} routed Whether the partner's notes sound only outside of the page.
   */
  constructor(midi, routed) {
    this.routed = routed;
    this.ports = new Ports({ midi, changed: () => this.render() });
    this.input = byId("midi-in", HTMLSelectElement);
    this.output = byId("midi-out", HTMLSelectElement);
    this.both = byId("midi-both", HTMLInputElement);
    /** @type {import("../i18n.js").WordKey | null} */
    this.trouble = this.ports.isPossible ? null : "duet_midi_missing";
    byId("midi-use").addEventListener("click", () => void this.open());
    this.input.addEventListener("change", () => this.ports.chooseInput(this.input.value));
    this.output.addEventListener("change", () => this.ports.chooseOutput(this.output.value));
    this.both.addEventListener("change", () => this.render());
    onLanguage(() => this.render());
  }

  /** Where the person has said yes before, nobody needs to be asked again. */
  async openIfGranted() {
    try {
      const { state } = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("midi") });
      if (state === "granted") await this.open();
    } catch {
      // The browser cannot tell; the button asks.
    }
  }

  async open() {
    try {
      if (this.ports.isPossible) await this.ports.open();
    } catch {
      this.trouble = "duet_midi_denied";
    }
    this.render();
  }

  render() {
    const { ports } = this;
    const { inputs, outputs } = ports;
    byId("midi-use").hidden = ports.access !== null || !ports.isPossible;
    byId("midi-choices").hidden = inputs.length + outputs.length === 0;
    byId("midi-words").textContent = this.words;
    options(this.input, [["all", t("duet_midi_all")], ...inputs.map((port) => [port.id, port.name ?? port.id])]);
    options(this.output, [["", t("duet_midi_none")], ...outputs.map((port) => [port.id, port.name ?? port.id])]);
    this.output.value = ports.output;
    byId("midi-both-field").hidden = ports.output === "";
    this.routed(ports.output !== "" && !this.both.checked);
  }

  get words() {
    const { access, inputs, outputs } = this.ports;
    if (access) return inputs.length + outputs.length === 0 ? t("duet_midi_empty") : t("duet_midi_found", { count: inputs.length, outputs: outputs.length });
    return this.trouble ? t(this.trouble) : "";
  }
}
