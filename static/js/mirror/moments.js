/**
 * Which line of the script a moment of the scene belongs to. Pure: the times of lines are noted as they happen here,
 * and the scene's clock is found from what the server says.
 *
 * @typedef {import("../types.js").ServerEvent} ServerEvent
 */

/** A moment so far (in ms) from every line belongs to none. */
const NEAR_MS = 1_500;

export class Moments {
  constructor() {
    /** In the order of the scene. @type {{item: string, turn: number, from: number, to: number}[]} */
    this.lines = [];
    /** The page's clock when the scene's was 0: the least that was ever seen, because messages are only ever late. @type {number | null} */
    this.zero = null;
  }

  /**
   * @param {ServerEvent} event
   * @param {number} now The page's clock, in milliseconds.
   */
  note(event, now) {
    const { type, item_id: item = "" } = event;
    if (type === "duologue.scores") this.zero = Math.min(this.zero ?? Infinity, now - Number(/** @type {any} */ (event).at_ms ?? 0));
    else if (type === "input_audio_buffer.speech_started") this.begin(item, 0, now);
    else if (type === "input_audio_buffer.speech_stopped") this.end(item, now);
    else if (type === "conversation.item.added" && event.item?.role === "user") this.begin(event.item.id, 0, now, now);
    else if (type === "response.output_item.added" && event.item?.role === "assistant") this.begin(event.item.id, event.duologue?.turn ?? 0, now);
    else if (type === "response.done") this.end(this.lines.at(-1)?.item ?? "", now);
  }

  /**
   * @param {string} item
   * @param {number} turn
   * @param {number} from
   * @param {number} [to]
   */
  begin(item, turn, from, to = Infinity) {
    if (!item || this.lines.some((line) => line.item === item)) return;
    // What the person said has the turn of the reply to it.
    if (turn > 0) for (const line of this.lines) line.turn ||= turn;
    this.lines.push({ item, turn, from, to });
  }

  /**
   * @param {string} item
   * @param {number} to
   */
  end(item, to) {
    for (const line of this.lines) if (line.item === item && line.to === Infinity) line.to = to;
  }

  /**
   * The item of the line that a moment belongs to; null when there is none.
   * @param {{from_ms: number, to_ms: number, turn?: number}} moment
   */
  itemOf({ from_ms, to_ms, turn }) {
    const ofTurn = turn ? this.lines.find((line) => line.turn === turn) : undefined;
    if (ofTurn) return ofTurn.item;
    if (this.zero === null) return null;
    const [from, to] = [this.zero + from_ms, this.zero + to_ms];
    let best = null;
    for (const line of this.lines) {
      const far = Math.max(0, line.from - to, from - line.to);
      if (far <= NEAR_MS && (best === null || far < best.far)) best = { far, item: line.item };
    }
    return best?.item ?? null;
  }
}
