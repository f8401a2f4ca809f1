/** A network that can be cut and mended: a TCP proxy in front of the server. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** @param {number} port Of the server. */
export async function startProxy(port) {
  const ends = new Set();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      ends.add(one);
      one.on("error", () => {});
      one.on("close", () => (ends.delete(one), other.destroy()));
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => {
      isCut = true;
      for (const end of ends) end.destroy();
    },
    mend: () => (isCut = false),
    close: () => {
      for (const end of ends) end.destroy();
      server.close();
    },
  };
}
