/** Who signed in, for the servers that issue tokens. */
export const ada = {
  provider: 'google',
  subject: '10769150350006150715113082367',
  email: 'ada@example.com',
  emailVerified: true,
  domainVouched: true,
  name: 'Ada Lovelace'
}

export const session = { id: 'S5ogHQ7q9B2kD4M1yYVvTw', startedAt: 1_800_000_000 }
