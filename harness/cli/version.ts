/** Version of iovacheck, which every run's events name. */
export const VERSION = "0.1.0";
