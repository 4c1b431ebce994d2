"""Korean sentiment: is a short text, such as a film review, positive or negative?"""
