/** The server's requirement for a password. */
export const PASSWORD_MIN = 10;

export const passwordHint = `At least ${PASSWORD_MIN} characters. A short sentence is easy to remember and hard to guess.`;
