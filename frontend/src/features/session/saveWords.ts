import type { Status } from './status';

export type Tone = 'ok' | 'busy' | 'warn' | 'bad';

export interface SaveWords {
  text: string;
  tone: Tone;
  /** Whether it should interrupt a screen reader. */
  urgent: boolean;
}

/** Saving that takes this long is mentioned. */
export const STILL_SAVING_MS = 10_000;

export function words(text: string, tone: Tone, urgent = false): SaveWords {
  return { text, tone, urgent };
}

export const NO_ACCESS = 'You no longer have access. Download a copy';

/**
 * The words for a document's state; null if there is nothing to show (nothing loaded, or a viewer that is up to date). "Saved" appears only
 * when every edit is durable on the server.
 */
export function saveWords(status: Status, unsavedForMs: number): SaveWords | null {
  const viewer = status.role === 'viewer' && status.unsaved === 0;
  switch (status.phase) {
    case 'loading':
      return null;
    case 'live':
    case 'connecting':
      if (status.unsaved > 0) return unsavedForMs >= STILL_SAVING_MS ? words('Still saving…', 'warn') : words('Saving…', 'busy');
      return viewer ? null : words('Saved', 'ok');
    case 'signed-out':
      return status.unsaved > 0 ? words('Signed out. Changes are NOT saved. Keep this tab open', 'bad', true) : words('Signed out', 'warn');
    case 'offline':
      if (viewer) return words('Offline. This may not be the latest text', 'warn');
      if (status.localSafe) return words('Offline. Changes are saved on this device and will sync', 'warn');
      if (status.unsaved === 0) return words('Offline. Everything so far is saved', 'warn');
      return words('Offline. Changes are NOT saved. Keep this tab open', 'bad', true);
    case 'denied':
      return words(NO_ACCESS, 'bad', true);
    case 'gone':
      return words('Deleted. Download a copy', 'bad', true);
    case 'refused':
      return status.unsaved > 0 ? words('Your last changes were NOT saved. Download a copy', 'bad', true) : words('Not connected. Changes are not possible', 'bad', true);
  }
}
