/** Tells the time in epoch milliseconds. */
export type Clock = () => number

export const epochSeconds = (clock: Clock): number => Math.floor(clock() / 1000)
