// Takes that are not on the server yet are kept on this device, so that a reload or a lost connection takes nothing away.

const NAME = "glaswerk-takes";

/** @typedef {{id: string, draft: string, clip: string, blob: Blob, lengthMs: number}} Take */

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.addEventListener("upgradeneeded", () => asked.result.createObjectStore("takes", { keyPath: "id" }));
    asked.addEventListener("success", () => resolve(asked.result));
    asked.addEventListener("error", () => reject(asked.error));
  });
}

/** @template T @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} run @returns {Promise<T|undefined>} */
async function within(mode, run) {
  try {
    const database = await open();
    try {
      return await new Promise((resolve, reject) => {
        const asked = run(database.transaction("takes", mode).objectStore("takes"));
        asked.addEventListener("success", () => resolve(asked.result));
        asked.addEventListener("error", () => reject(asked.error));
      });
    } finally {
      database.close();
    }
  } catch {
    // Private windows may forbid it; then a take lives as long as the page.
    return undefined;
  }
}

/** @param {Take} take */
export const keepTake = (take) => within("readwrite", (store) => store.put(take));

/** @param {string} id */
export const dropTake = (id) => within("readwrite", (store) => store.delete(id));

/** @returns {Promise<Take[]>} */
export const keptTakes = async () => (await within("readonly", (store) => store.getAll())) ?? [];
