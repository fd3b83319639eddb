"""How the phrases are written: the words, the clauses made of them, and reviews made of clauses."""
