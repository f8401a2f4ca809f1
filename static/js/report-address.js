/**
 * Where the report of a scene is shown. The scene's secret stays in this browser and out of the address.
 * @param {string} id
 */
export function reportAddress(id) {
  return `./report.html#${encodeURIComponent(id)}`;
}
