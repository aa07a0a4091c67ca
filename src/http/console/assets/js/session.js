// Who is signed in, and the password again where administration asks for it.
