const STEPS_MS = [1000, 2000, 4000, 8000, 16_000];

/** The delay before attempt number `attempt` (from 0): full jitter, so that a whole room does not return at once. */
export function backoffMs(attempt: number, random = Math.random): number {
  const ceiling = STEPS_MS[Math.min(attempt, STEPS_MS.length - 1)] ?? 16_000;
  return Math.round(random() * ceiling);
}
