"""Object detection: which objects does a picture show, and where?"""
