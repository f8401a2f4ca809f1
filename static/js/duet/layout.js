/** Where the keys of a piano lie, for the keys themselves and for the notes that fall onto them. */

/** Semitones of the white keys of an octave. */
const WHITE = [0, 2, 4, 5, 7, 9, 11];

/** How far a black key's middle lies from the left edge of its octave, in white keys: on a real piano they do not stand in the middle of the gaps. */
const BLACK_MIDDLE = /** @type {Record<number, number>} */ ({ 1: 0.92, 3: 2.08, 6: 3.88, 8: 5, 10: 6.12 });

/** Width of a black key, in white ones. */
const BLACK_WIDTH = 0.6;

/** The lowest and the highest of 88 keys. */
const [FIRST, LAST] = [21, 108];

/** Narrower keys cannot be hit with a finger. */
const TOUCH_WIDTH = 34;

/** Narrower keys cannot be told apart. */
const MOUSE_WIDTH = 19;

/**
 * @typedef {object} KeyPlace
 * @property {number} pitch
 * @property {boolean} black
 * @property {number} x Left edge, in pixels.
 * @property {number} width
 */

/** @param {number} pitch */
export function isBlack(pitch) {
  return !WHITE.includes(pitch % 12);
}

/** The white keys below a pitch, counted from the lowest octave; of a black key, with its share. @param {number} pitch */
function whitesBelow(pitch) {
  return Math.floor(pitch / 12) * 7 + WHITE.indexOf(pitch % 12);
}

/** @param {number} index As {@link whitesBelow} counts. */
function whiteAt(index) {
  return Math.floor(index / 7) * 12 + /** @type {number} */ (WHITE[index % 7]);
}

/**
 * The keys that fit into a width: whole octaves on a phone, more around the middle where there is room.
 * @param {number} width
 * @param {number} base The C that the computer's row begins at: it is always there.
 * @param {boolean} coarse Whether fingers play.
 */
export function layoutOf(width, base, coarse) {
  const all = whitesBelow(LAST) - whitesBelow(FIRST) + 1;
  const count = Math.max(8, Math.min(all, Math.floor(width / (coarse ? TOUCH_WIDTH : MOUSE_WIDTH)), coarse ? 22 : 36));
  const room = count - 11;
  const start = count < 15 ? whitesBelow(base) : whitesBelow(base) - Math.round(room * 0.6);
  const low = Math.max(whitesBelow(FIRST), Math.min(start, whitesBelow(LAST) - count + 1));
  const white = width / count;
  /** @type {KeyPlace[]} */
  const keys = [];
  const last = whiteAt(low + count - 1);
  for (let pitch = whiteAt(low); pitch <= last; pitch++) keys.push(place(pitch, low, white));
  return { keys, low: whiteAt(low), high: last, width, white };
}

/**
 * @param {number} pitch
 * @param {number} low
 * @param {number} white
 * @returns {KeyPlace}
 */
function place(pitch, low, white) {
  const middle = BLACK_MIDDLE[pitch % 12];
  if (middle === undefined) return { pitch, black: false, x: (whitesBelow(pitch) - low) * white, width: white };
  const x = Math.floor(pitch / 12) * 7 + middle - BLACK_WIDTH / 2 - low;
  return { pitch, black: true, x: x * white, width: BLACK_WIDTH * white };
}

/** How far down black keys reach. */
export const BLACK_HEIGHT = 0.62;

/**
 * The key at a point, and how hard it is struck there: towards its front edge louder.
 * @param {ReturnType<typeof layoutOf>} layout
 * @param {number} x
 * @param {number} y From 0 at the top to 1 at the front edge.
 */
export function keyAt(layout, x, y) {
  const inside = (/** @type {KeyPlace} */ key) => x >= key.x && x < key.x + key.width;
  const black = y < BLACK_HEIGHT ? layout.keys.find((key) => key.black && inside(key)) : undefined;
  const key = black ?? layout.keys.find((one) => !one.black && inside(one));
  if (!key) return null;
  const depth = key.black ? y / BLACK_HEIGHT : y;
  return { pitch: key.pitch, velocity: Math.max(1, Math.min(127, Math.round(40 + 75 * Math.max(0, Math.min(1, depth))))) };
}

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

/** @param {number} pitch */
export function nameOf(pitch) {
  return `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}
