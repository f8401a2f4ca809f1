/**
 * Where the duet of a session is. The secret is no part of it: this browser knows it, and a friend gets it in the
 * fragment, which browsers send to nobody.
 * @param {string} id
 */
export function duetAddress(id) {
  return `./duet?session=${encodeURIComponent(id)}`;
}

/**
 * The link for a friend.
 * @param {import("../types.js").Scene} scene
 */
export function inviteTo(scene) {
  return new URL(`${duetAddress(scene.id)}#${encodeURIComponent(scene.secret)}`, location.href).href;
}
