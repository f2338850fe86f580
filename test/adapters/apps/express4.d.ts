// Express 4 beside 5: the calls of the tests are the same.
declare module 'express4' {
  import express from 'express'

  export default express
}
