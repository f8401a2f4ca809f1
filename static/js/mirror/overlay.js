/**
 * What is drawn over a person's own picture: the points of the face, where they look, and a tick for each blink.
 *
 * @typedef {import("./landmark-frame.js").Landmarks} Landmarks
 */

/** Above this an eye counts as closed, below the other as open again (MediaPipe's `eyeBlink` scores). */
const CLOSED = 0.5;
const OPEN = 0.35;

/** Where `eyeBlinkLeft` and `eyeBlinkRight` stand among the blendshapes. */
const BLINK_LEFT = 9;
const BLINK_RIGHT = 10;

/** What the strip of blinks shows. */
const STRIP_MS = 20_000;

/** Between the eyes, and their outer corners. */
const BRIDGE = 168;
const CORNERS = [33, 263];

/** Where the scores of looking down, in, out and up stand: the left eye's, then the right eye's. */
const LOOKS = { down: [11, 12], in: [13, 14], out: [15, 16], up: [17, 18] };

/** A full score of looking aside is about 27 degrees. */
const EYE_REACH = 0.5;

/** Finds blinks in the scores of closed eyes. Pure. */
export class Blinks {
  constructor() {
    this.closed = false;
    /** @type {number[]} */
    this.times = [];
  }

  /**
   * @param {ArrayLike<number>} blendshapes
   * @param {number} at
   * @returns {boolean} Whether the eyes are closed.
   */
  look(blendshapes, at) {
    const shut = ((blendshapes[BLINK_LEFT] ?? 0) + (blendshapes[BLINK_RIGHT] ?? 0)) / 2;
    if (!this.closed && shut > CLOSED) {
      this.closed = true;
      this.times.push(at);
    } else if (this.closed && shut < OPEN) this.closed = false;
    while ((this.times[0] ?? at) < at - STRIP_MS) this.times.shift();
    return this.closed;
  }
}

/**
 * Where somebody looks, seen in the picture: x to the right, y down, 1 for 45 degrees. The head's forward axis, and
 * how far the eyes are turned in it. Pure.
 * @param {ArrayLike<number>} blendshapes
 * @param {ArrayLike<number>} matrix
 */
export function gazeOf(blendshapes, matrix) {
  const [left, right] = [0, 1].map((side) => {
    const score = (/** @type {keyof typeof LOOKS} */ look) => blendshapes[LOOKS[look][side] ?? 0] ?? 0;
    return { out: score("out") - score("in"), down: score("down") - score("up") };
  });
  // A person's left eye turns outwards to the right of the picture.
  const x = ((left?.out ?? 0) - (right?.out ?? 0)) / 2;
  const y = ((left?.down ?? 0) + (right?.down ?? 0)) / 2;
  // The third column is where the face points: to the right and up in the head's space.
  return { x: (matrix[8] ?? 0) + x * EYE_REACH, y: y * EYE_REACH - (matrix[9] ?? 0) };
}

export class Overlay {
  /**
   * @param {HTMLCanvasElement} picture
   * @param {HTMLCanvasElement} strip
   */
  constructor(picture, strip) {
    this.picture = picture;
    this.strip = strip;
    this.blinks = new Blinks();
  }

  /** @param {Landmarks} seen */
  draw(seen) {
    const { picture } = this;
    const size = fit(picture);
    const pen = picture.getContext("2d");
    const closed = this.blinks.look(seen.blendshapes, seen.at);
    this.drawStrip(seen.at);
    if (!pen) return;
    pen.clearRect(0, 0, picture.width, picture.height);
    if (seen.points.length === 0) return;
    const colour = getComputedStyle(picture).getPropertyValue("--mesh");
    pen.fillStyle = colour;
    for (let at = 0; at < seen.points.length; at += 3) {
      pen.fillRect((seen.points[at] ?? 0) * picture.width - size / 2, (seen.points[at + 1] ?? 0) * picture.height - size / 2, size, size);
    }
    if (!closed) this.drawGaze(pen, seen, colour);
  }

  /**
   * A cone from between the eyes: short and wide when they look straight out.
   * @param {CanvasRenderingContext2D} pen
   * @param {Landmarks} seen
   * @param {string} colour
   */
  drawGaze(pen, { points, blendshapes, matrix }, colour) {
    const { width, height } = this.picture;
    const [x, y] = [(points[BRIDGE * 3] ?? 0) * width, (points[BRIDGE * 3 + 1] ?? 0) * height];
    const [left, right] = CORNERS.map((corner) => (points[corner * 3] ?? 0) * width);
    const reach = Math.abs((right ?? 0) - (left ?? 0));
    const gaze = gazeOf(blendshapes, matrix);
    const [endX, endY] = [x + gaze.x * reach * 1.6, y + gaze.y * reach * 1.6];
    const wide = reach * 0.22;
    const across = Math.atan2(endY - y, endX - x) + Math.PI / 2;
    pen.globalAlpha = 0.38;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(endX + Math.cos(across) * wide, endY + Math.sin(across) * wide);
    pen.arc(endX, endY, wide, across, across + Math.PI, true);
    pen.closePath();
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1, width / 320);
    pen.beginPath();
    pen.arc(endX, endY, wide, 0, 2 * Math.PI);
    pen.stroke();
  }

  /** @param {number} now */
  drawStrip(now) {
    const { strip } = this;
    fit(strip);
    const pen = strip.getContext("2d");
    if (!pen) return;
    pen.clearRect(0, 0, strip.width, strip.height);
    pen.fillStyle = getComputedStyle(strip).color;
    for (const at of this.blinks.times) {
      pen.fillRect((1 - (now - at) / STRIP_MS) * strip.width - 2, 0, Math.max(2, strip.width / 90), strip.height);
    }
  }

  clear() {
    this.blinks = new Blinks();
    for (const canvas of [this.picture, this.strip]) canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
  }
}

/**
 * As many pixels as the screen has there; the size of a point in them.
 * @param {HTMLCanvasElement} canvas
 */
function fit(canvas) {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return Math.max(1, width / 190);
}
