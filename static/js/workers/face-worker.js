/**
 * Looks for a face in pictures, away from the page's thread.
 *
 * A classic worker: MediaPipe loads its WebAssembly with `importScripts`, which a module worker does not have. Its own
 * modules come by `import()`, which both kinds know. It gets pictures one at a time and gives back the frame for the
 * server and what the page draws; the picture itself is closed here and goes nowhere.
 */
"use strict";

{
  /** @type {any} */
  const page = self;
  /** @type {any} */
  let landmarker = null;
  /** @type {typeof import("../mirror/landmark-frame.js").encodeFrame | null} */
  let encode = null;

  // What MediaPipe tells about itself is nobody's business unless it is an error (its lines begin with the level).
  page.Module = { print() {}, printErr: (/** @type {string} */ line) => /^[EF]\d{4} /.test(line) && console.error(line) };

  /** @param {{library: string, model: string}} addresses */
  const open = async ({ library, model }) => {
    const answer = await fetch(model);
    if (!answer.ok) throw Object.assign(new Error(`the model: ${answer.status}`), { code: "face_model_missing" });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const bundle = `${library}/vision_bundle.mjs`;
    const { FaceLandmarker, FilesetResolver } = await import(bundle).catch((error) => {
      throw Object.assign(new Error(String(error)), { code: "face_library_missing" });
    });
    ({ encodeFrame: encode } = await import("../mirror/landmark-frame.js"));
    landmarker = await FaceLandmarker.createFromOptions(await FilesetResolver.forVisionTasks(`${library}/wasm`), {
      baseOptions: { modelAssetBuffer: bytes, delegate: "CPU" },
      runningMode: "VIDEO",
      // One: with two, the detector would run on every picture in which there is only one.
      numFaces: 1,
      outputFaceBlendshapes: true,
      outputFacialTransformationMatrixes: true,
    });
  };

  /** @param {{picture: ImageBitmap, sequence: number, at: number}} message */
  const look = ({ picture, sequence, at }) => {
    const begun = performance.now();
    const { width, height } = picture;
    const found = landmarker.detectForVideo(picture, at);
    picture.close();
    const points = flat(found.faceLandmarks[0] ?? []);
    const blendshapes = Float32Array.from(found.faceBlendshapes[0]?.categories ?? [], (/** @type {any} */ one) => one.score);
    const matrix = Float32Array.from(found.facialTransformationMatrixes[0]?.data ?? []);
    const seen = { sequence, at, width, height, mirrored: false, faces: found.faceLandmarks.length, points, blendshapes, matrix };
    const bytes = encode?.(seen);
    page.postMessage({ type: "seen", bytes, seen, ms: performance.now() - begun }, [bytes, points.buffer]);
  };

  /** @param {{x: number, y: number, z: number}[]} points */
  const flat = (points) => {
    const all = new Float32Array(points.length * 3);
    points.forEach(({ x, y, z }, at) => all.set([x, y, z], at * 3));
    return all;
  };

  page.onmessage = async (/** @type {MessageEvent} */ { data }) => {
    try {
      if (data.type === "open") {
        await open(data);
        page.postMessage({ type: "ready" });
      } else look(data);
    } catch (error) {
      const { code = "face_failed", message = "" } = /** @type {{code?: string, message?: string}} */ (error);
      page.postMessage({ type: "failed", code, message });
    }
  };
}
