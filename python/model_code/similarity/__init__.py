"""Korean semantic similarity: how alike are the meanings of two sentences, from 0 to 5?"""
