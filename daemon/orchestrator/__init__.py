"""The program on :7001 and :7002."""
