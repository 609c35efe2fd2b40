/** Who gets the tokens. */
export const ada = {
  provider: 'google',
  subject: '10769150350006150715113082367',
  email: 'ada@example.com',
  emailVerified: true,
  domainVouched: false,
  name: 'Ada Lovelace'
}
