"""A key pair for tests; the one of the venue's published signing vectors, which opens nothing."""

BACKPACK_KEY = {
    "public": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
    "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
