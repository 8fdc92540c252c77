import { type AbstractStruct, ContentString, findIndexSS, getItem, type ID, Item, type Transaction } from 'yjs';

const REPLACEMENT = '\ufffd';

/** Replaces each unpaired half of a surrogate pair, as the encoding for other clients would. */
export const wellFormed = (text: string) => text.replace(/\p{Surrogate}/gu, REPLACEMENT);

/**
 * Whether the transaction may have split a surrogate pair. Yjs then replaces both halves, even if nothing visible was inserted or deleted
 * between them, and its events do not mention it. Cheap: only new parts are examined.
 */
export function maySplitPair(transaction: Transaction): boolean {
  const { clients } = transaction.doc.store;
  for (const [client, structs] of clients) {
    const before = transaction.beforeState.get(client) ?? 0;
    if ((transaction.afterState.get(client) ?? 0) === before) continue;
    if (structs.slice(findIndexSS(structs, before)).some((struct) => isBesideReplacement(struct))) return true;
  }
  for (const [client, ranges] of transaction.deleteSet.clients) {
    const structs = clients.get(client) ?? [];
    for (const { clock, len } of ranges) {
      const [first, last] = [findIndexSS(structs, clock), findIndexSS(structs, clock + len - 1)];
      if (structs.slice(first, last + 1).some((struct) => isBesideReplacement(struct))) return true;
    }
  }
  return false;

  function isBesideReplacement(struct: AbstractStruct): boolean {
    if (!(struct instanceof Item)) return false;
    // If others wrote at the same place, the origins are not neighbours, and were still split.
    return endsSo(struct.left) || startsSo(struct.right) || endsSo(found(struct.origin)) || startsSo(found(struct.rightOrigin));
  }

  function found(id: ID | null): AbstractStruct | null {
    return id === null ? null : getItem(transaction.doc.store, id);
  }
}

const textOf = (struct: AbstractStruct | null) =>
  struct instanceof Item && !struct.deleted && struct.content instanceof ContentString ? struct.content.str : '';
const endsSo = (struct: AbstractStruct | null) => textOf(struct).endsWith(REPLACEMENT);
const startsSo = (struct: AbstractStruct | null) => textOf(struct).startsWith(REPLACEMENT);
